/** Who takes part in the bench, in the order of its table. */
import type { Contender } from './contenders/contender.ts';
import { httpProxy3, tcpRelay, undiciPass } from './contenders/node.ts';
import { portkey } from './contenders/portkey.ts';
import { servers } from './contenders/servers.ts';
import { defaultPipeline, sluice } from './contenders/sluice.ts';
import type { Bench } from './setting.ts';

/** By these names results are looked up. */
export const names = {
  a: 'Sluice (a) no policies',
  b: 'Sluice (b) default pipeline',
  c: 'Sluice (c) with Redis',
  d: 'Sluice (d) with usage',
  httpProxy3: httpProxy3.name,
  undiciPass: undiciPass.name,
  tcpRelay: tcpRelay.name,
  nginx: 'nginx',
} as const;

/** What each of them is configured to do is told in BENCHMARKS.md. */
export function lineUp({ collector, redis }: Pick<Bench, 'collector' | 'redis'>): Contender[] {
  const telemetry = { traces: { endpoint: collector, sample: 0.01 } };
  const withRedis: Contender = {
    ...sluice(names.c, {}),
    async start(setting) {
      const pipeline = { policies: defaultPipeline('none'), telemetry, redis: await redis() };
      return sluice(names.c, pipeline).start(setting);
    },
  };
  return [
    sluice(names.a, {}),
    sluice(names.b, { policies: defaultPipeline('none'), telemetry }),
    withRedis,
    sluice(names.d, { policies: defaultPipeline('openai'), telemetry, dialect: 'openai' }),
    httpProxy3,
    undiciPass,
    tcpRelay,
    ...servers,
    portkey,
  ];
}
