/** A collector in a process of its own, so that it can be stopped: says its URL, then how many spans it has, on lines. */
import { startOtlpReceiver } from './otlp-receiver.ts';

const receiver = await startOtlpReceiver();
console.log(receiver.url);
for (;;) {
  await receiver.spans(receiver.received.length + 1, 2 ** 31 - 1);
  console.log(receiver.received.length);
}
