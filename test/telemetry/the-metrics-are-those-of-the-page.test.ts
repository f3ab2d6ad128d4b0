import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { startMixed } from './mixed-load.ts';

const page = readFileSync(new URL('../../src/telemetry/README.md', import.meta.url), 'utf8');
const GEN_AI = ['gen_ai_operation_name', 'gen_ai_provider_name', 'gen_ai_request_model'];

/** The labels of each metric as the page lists them. */
function documented(): Map<string, string> {
  const rows = [...page.matchAll(/^\| `(\w+)` \|([^|]*)\|/gm)];
  return new Map(
    rows.map(([, name = '', cell = '']) => {
      const own = [...cell.matchAll(/`(\w+)`/g)].map(([, label]) => label ?? '');
      return [name, [...own, ...(cell.includes('GenAI') ? GEN_AI : [])].sort().join()];
    }),
  );
}

/** The labels of each of Sluice's own metrics that has a series. */
function exposed(text: string): Map<string, string> {
  const families = [...text.matchAll(/^# TYPE ((?:sluice|gen_ai)_\w+) (\w+)$/gm)];
  return new Map(
    families.map(([, name = '', type]) => {
      const series = type === 'histogram' ? `${name}_count` : name;
      const line = new RegExp(`^${series}(\\{.*\\})? `, 'm').exec(text);
      const labels = [...(line?.[1] ?? '').matchAll(/(\w+)="/g)].map(([, label]) => label ?? '');
      return [name, line === null ? 'no series' : labels.sort().join()];
    }),
  );
}

test('after a mixed load every metric of the page has a series with the labels of the page, and there is no other metric', async (t) => {
  const mixed = await startMixed(t);
  await mixed.everything();
  assert.ok(documented().size > 20);
  assert.deepEqual(exposed(await mixed.proxy.metrics()), documented());
});

test('every kind of outcome, decision, abort, cut and failure has been counted by then', async (t) => {
  const mixed = await startMixed(t);
  await mixed.everything();
  const text = await mixed.proxy.metrics();
  for (const series of [
    /^sluice_requests_total\{route="\/openai",method="POST",status="200",outcome="complete"\}/m,
    /^sluice_requests_total\{route="\/openai",method="GET",status="403",outcome="replied"\}/m,
    /^sluice_requests_total\{route="\/openai",method="POST",status="none",outcome="client_abort"\}/m,
    /^sluice_requests_total\{route="\/openai",method="POST",status="200",outcome="upstream_abort"\}/m,
    /^sluice_requests_total\{route="\/dead",method="GET",status="502",outcome="failed"\}/m,
    /^sluice_requests_total\{route="\/sockets",method="GET",status="101",outcome="complete"\}/m,
    /^sluice_requests_total\{route="none",method="GET",status="404",outcome="replied"\}/m,
    /^sluice_upstream_attempts_total\{upstream="slow",outcome="upstream_first_byte_timeout"\} 1$/m,
    /^sluice_upstream_attempts_total\{upstream="openai",outcome="client_abort"\} 1$/m,
    /^sluice_policy_decisions_total\{policy="moody",decision="deny",mode="enforce"\} 1$/m,
    /^sluice_policy_decisions_total\{policy="moody",decision="fault",mode="enforce"\} 1$/m,
    /^sluice_client_aborts_total\{phase="first_byte"\} 1$/m,
    /^sluice_stream_truncated_total\{upstream="anthropic",phase="body"\} 1$/m,
    /^sluice_config_generation 2$/m,
    /^sluice_config_reload_total\{result="success"\} 1$/m,
    /^sluice_config_reload_total\{result="failure"\} 1$/m,
    /^sluice_redis_state 1$/m,
    /^# TYPE sluice_key_uses_total counter$/m,
    /^sluice_key_state\{upstream="openai",key_id="main\.1"\} 0$/m,
  ]) {
    assert.match(text, series);
  }
});
