/** Every hazard, by theme. */
import { aborts } from './aborts.ts';
import { bodies } from './bodies.ts';
import { earlyAnswers } from './early-answers.ts';
import { endings } from './endings.ts';
import { framing } from './framing.ts';
import { garbage } from './garbage.ts';
import type { Hazard } from './hazard.ts';
import { headers } from './headers.ts';
import { hopByHop } from './hop-by-hop.ts';
import { interim } from './interim.ts';
import { oldClients } from './old-clients.ts';
import { smuggling } from './smuggling.ts';
import { targets } from './targets.ts';

/** See the module. */
export const hazards: readonly Hazard[] = [
  ...smuggling,
  ...framing,
  ...oldClients,
  ...interim,
  ...targets,
  ...hopByHop,
  ...headers,
  ...bodies,
  ...earlyAnswers,
  ...endings,
  ...garbage,
  ...aborts,
];
