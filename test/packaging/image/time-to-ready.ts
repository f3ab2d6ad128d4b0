import { readFile, readlink, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Image } from './build-image.ts';
import { command } from './command.ts';
import { type ContainerOptions, makeBundle } from './container.ts';

/** How long a start took, in milliseconds: by the clock, and of the CPU. */
export interface Start {
  readonly wall: number;
  readonly cpu: number;
}

/**
 * Starts a container that has been created, and asks `/readyz` until it is 200: from the execution of Node on, as runc's
 * own work is not Sluice's.
 */
export async function timeToReady(image: Image, port: number, options: ContainerOptions): Promise<Start> {
  const id = `sluice-start-${process.pid}`;
  const bundle = await makeBundle(image, options, id);
  try {
    // Its outputs are a file: a pipe would be open for as long as the container runs.
    await command('sh', '-c', 'runc create --bundle "$1" "$2" > "$1/output" 2>&1', 'sh', bundle, id);
    const { pid } = JSON.parse(await command('runc', 'state', id));
    const before = await cpuOf(pid);
    const starting = command('runc', 'start', id);
    while (!(await readlink(`/proc/${pid}/exe`)).endsWith('/node')) await wait(1);
    const began = performance.now();
    while (!(await isReady(port))) {
      if (performance.now() - began > 20_000) throw new Error(await readFile(join(bundle, 'output'), 'utf8'));
      await wait(2);
    }
    const start = { wall: performance.now() - began, cpu: (await cpuOf(pid)) - before };
    await starting;
    return start;
  } finally {
    await command('runc', 'delete', '--force', id);
    await rm(bundle, { recursive: true, force: true });
  }
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.write('GET /readyz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
    });
    let answer = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      answer += text;
    });
    socket.on('error', () => resolve(false)).on('close', () => resolve(answer.startsWith('HTTP/1.1 200 ')));
  });
}

/** Milliseconds of CPU that a process has used, in steps of the kernel's tick (10 ms). */
async function cpuOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // After the name in parentheses: the state is field 3, user and system time are 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
