/**
 * What reading usage costs, in microseconds of CPU an event, for each dialect.
 *
 *     npm exec -- node --import tsx test/bench/usage-cost.ts
 *
 * First each event comes as a read of its own, as from a model, then they come in reads of 16 KiB.
 */
import { createUsageReader } from '../../src/llm/usage.ts';
import { streamsOf } from '../llm/cases.ts';

const rounds = 200;
const words = Array.from({ length: 500 }, (_, i) => ` word${i % 90}`);

console.log(`${'answer'.padEnd(32)} bytes an event   µs an event   µs an event of reads of 16 KiB`);
for (const { name, dialect, head, pieces } of streamsOf(words)) {
  const events = pieces.map((piece) => Buffer.from(piece));
  const bytes = Buffer.concat(events);
  const reads = Array.from({ length: Math.ceil(bytes.length / 16_384) }, (_, i) =>
    bytes.subarray(i * 16_384, (i + 1) * 16_384),
  );
  const readAll = (parts: readonly Buffer[]) => {
    const reader = createUsageReader(dialect, head);
    for (const part of parts) reader?.push(part);
    const report = reader?.end(true);
    if (report === undefined || report instanceof Promise || report.estimated) throw new Error(`${name} was not read`);
  };
  const cost = (parts: readonly Buffer[]) => {
    // The first rounds are not compiled yet.
    for (let round = 0; round < rounds / 4; round++) readAll(parts);
    const started = process.cpuUsage();
    for (let round = 0; round < rounds; round++) readAll(parts);
    const { user, system } = process.cpuUsage(started);
    return ((user + system) / rounds / events.length).toFixed(2);
  };
  const size = (bytes.length / events.length).toFixed(0);
  console.log(`${name.padEnd(32)} ${size.padStart(14)} ${cost(events).padStart(13)} ${cost(reads).padStart(13)}`);
}
