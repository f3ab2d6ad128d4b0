/** Turns what is known of an ended exchange into the observation of a GenAI operation, where it was one. */
import type { ExchangeRecord } from '../http/observer.ts';
import { knownOutput, type UsageReport } from '../llm/usage.ts';
import type { Dialect } from '../policy.ts';
import type { AttemptTimes } from './attempt-times.ts';
import type { GenAiMetrics } from './gen-ai-metrics.ts';
import { GEN_AI_PROVIDERS } from './semconv.ts';

/** A Map, for a dialect comes out of YAML: as the key of an object V8 would have to look each such text up first. */
const providers = new Map(Object.entries(GEN_AI_PROVIDERS));

/** Records it when a known operation of a known dialect was sent to its provider, however it ended. */
export function recordOperation(
  metrics: GenAiMetrics,
  dialect: Dialect,
  { facts, durationMs }: ExchangeRecord,
  usage: UsageReport | undefined,
  times: AttemptTimes,
): void {
  const operation = facts?.operation;
  if (operation === undefined || times.sentAt === undefined) return;
  const provider = providers.get(dialect);
  if (provider === undefined) return;
  const firstTokenAt = usage?.firstTokenAt;
  metrics.record({
    provider,
    operation,
    model: facts?.model,
    duration: durationMs / 1000,
    firstToken: firstTokenAt === undefined ? undefined : (firstTokenAt - times.sentAt) / 1000,
    perOutputToken: perOutputToken(usage, times.endedAt),
    tokens: usage === undefined ? undefined : { input: usage.input, output: knownOutput(usage) },
  });
}

/** An answer that came in one piece tells nothing of the time between its tokens, an estimate nothing of their number. */
function perOutputToken(usage: UsageReport | undefined, endedAt: number): number | undefined {
  if (usage?.firstTokenAt === undefined || !usage.terminated || usage.error !== undefined || usage.estimated) {
    return undefined;
  }
  if (usage.outputEvents < 2 || usage.output === undefined || usage.output < 2) return undefined;
  return (endedAt - usage.firstTokenAt) / (usage.output - 1) / 1000;
}
