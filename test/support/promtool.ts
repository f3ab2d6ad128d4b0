import { spawnSync } from 'node:child_process';
import { findTool, installTool, type Tool } from './debian-tool.ts';

const PROMTOOL: Tool = {
  name: 'promtool',
  debian: 'prometheus',
  byHand: 'Install promtool yourself (Debian, Ubuntu: apt-get install prometheus; macOS: brew install prometheus)',
};

/** What a run of promtool said. */
export interface PromtoolResult {
  readonly status: number | null;
  readonly output: string;
}

/** Runs Prometheus's own promtool over a text; installs it when it is not there, which takes half a minute and root. */
export function promtool(args: readonly string[], input: string): PromtoolResult {
  const path = findTool(PROMTOOL) ?? installTool(PROMTOOL, console.log);
  const { status, stdout, stderr, error } = spawnSync(path, args, { input, encoding: 'utf8' });
  // It reads no further than the first thing that it cannot parse.
  if (error !== undefined && (error as NodeJS.ErrnoException).code !== 'EPIPE') throw error;
  return { status, output: `${stdout}${stderr}`.trim() };
}
