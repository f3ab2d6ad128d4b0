import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { closeAfter, type Scope } from './close-after.ts';

/** A collector in a process of its own. */
export interface OtlpCollector {
  readonly url: string;
  /** Spans that it says it has; read when it runs. */
  readonly spans: number;
  /** Resolves once it says that it has so many. */
  has(spans: number): Promise<void>;
  /** SIGSTOP and SIGCONT: its kernel goes on accepting what nobody reads. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void;
  close(): Promise<void>;
}

/** Starts one on 127.0.0.1 and a free port; ended after the test. */
export async function startCollector(options: { readonly t?: Scope } = {}): Promise<OtlpCollector> {
  const script = fileURLToPath(new URL('run-otlp-receiver.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const close = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL'); // which ends a stopped process too
    await gone;
  };
  closeAfter(options.t, close);
  const lines = createInterface({ input: child.stdout });
  const [url] = (await once(lines, 'line')) as [string];
  let spans = 0;
  lines.on('line', (line) => {
    spans = Number(line);
  });
  return {
    url,
    get spans() {
      return spans;
    },
    async has(wanted) {
      while (spans < wanted) await once(lines, 'line');
    },
    signal: (signal) => void child.kill(signal),
    close,
  };
}
