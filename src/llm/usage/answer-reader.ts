/** The contract between cutting an answer into events and knowing what a provider says in them. */
import type { Findings } from './report.ts';
import type { JsonObject } from './values.ts';

/** Reads the events of one answer in one provider's form. */
export interface AnswerReader {
  /**
   * A cheap look at a streamed event: notes endings that are no JSON, counts output, and tells whether the event must be
   * parsed and taken.
   * @param text its data as latin1
   * @param name of a server-sent event, else empty
   */
  look(text: string, name: string, found: Findings): boolean;
  /** Takes what an event or a whole body says. */
  take(value: JsonObject, found: Findings): void;
}
