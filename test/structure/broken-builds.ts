/**
 * The table of breaks: each row makes src wrong in one place and names the test that must see it. So no hazard is held by a
 * test that cannot fail.
 *
 * To add a row: `find` is an exact text that occurs once in `file` (take as little of the code as makes it unique, so that
 * the row survives other changes), `replace` is the mistake, which must still run: a syntax error proves nothing. `test` is
 * a file below `test/`, without `.test.ts`, that passes on the sound build; `name` is a part of the name of one test in it,
 * as a regular expression: one test is enough and cheap. It must fail by an assertion; where the mistake makes it wait for ever,
 * say `hangs`. When src changes under a row, the run says which text is not there any more.
 */
import type { Break } from '../support/broken-build.ts';
import { brokenBuildsForHazards } from './broken-builds-for-hazards.ts';

/** One row. */
export interface BrokenBuild extends Break {
  readonly test: string;
  readonly name?: string;
  /** The test waits for ever on such a build: 5 s are enough to see that. */
  readonly hangs?: true;
  /** What the mistake is, in the words of who would make it. */
  readonly why: string;
}

/** See the module. */
export const brokenBuilds: readonly BrokenBuild[] = [
  {
    why: 'a cut response is ended as if it were whole',
    file: 'src/http/exchange.ts',
    find: 'canEndInBand) {\n      this.#response.destroy();',
    replace: 'canEndInBand) {\n      this.#response.end([]);',
    test: 'hazards/sluice-stands-every-hazard',
    name: 'FIN within a chunk destroys',
    hangs: true,
  },
  {
    why: 'an error event is written into the middle of another event',
    file: 'src/http/client-response.ts',
    find: 'this.#tail?.atBoundary === true',
    replace: 'this.#tail !== undefined',
    test: 'proxy/a-cut-stream-never-looks-finished',
    name: 'FIN, RST and stall at every point',
  },
  {
    why: 'an error event is written into a compressed stream',
    file: 'src/http/client-response.ts',
    find: "      !headers.has('content-encoding') &&\n",
    replace: '',
    test: 'proxy/a-cut-stream-never-looks-finished',
    name: 'a stream that is encoded or counted',
    hangs: true,
  },
  {
    why: 'a stream cut between two events ends without the error event',
    file: 'src/http/exchange.ts',
    find: 'dialects[this.dialect].streamError?.(errorFacts(reason, this.id), this.out.path)',
    replace: 'undefined',
    test: 'proxy/a-cut-stream-never-looks-finished',
    name: 'FIN, RST and stall at every point',
  },
  {
    why: 'a response that ends with its connection gets a FIN where it was cut',
    file: 'src/http/client-response.ts',
    find: 'if (this.#closeDelimited && socket',
    replace: 'if (this.#closeDelimited === undefined && socket',
    test: 'hazards/sluice-stands-every-hazard',
    name: 'an HTTP/1.0 client, for which a FIN is the end',
  },
  {
    why: 'the upstream goes on when the client has left',
    file: 'src/http/exchange.ts',
    find: "    attempt.abort('the exchange has ended');\n",
    replace: '',
    test: 'hazards/sluice-stands-every-hazard',
    name: 'a client that resets in mid-stream',
    hangs: true,
  },
  {
    why: 'hooks that a policy returns too late never end',
    file: 'src/http/context.ts',
    find: '      this.hooks.endOne(hooks, this.#outcome(this.#ended));\n',
    replace: '',
    test: 'proxy/a-leaving-client-stops-the-bill',
    name: 'hooks that a policy returns after its client has left',
    hangs: true,
  },
  {
    why: 'on_client_abort: drain does not read on',
    file: 'src/http/exchange.ts',
    find: "if (drain !== undefined && this.phase === 'stream'",
    replace: "if (drain !== undefined && this.phase === 'policy'",
    test: 'proxy/a-leaving-client-stops-the-bill',
    name: 'on_client_abort: drain',
  },
  {
    why: 'what Connection names goes on',
    file: 'src/http/hygiene.ts',
    find: 'if (strip.has(key) || listed?.has(key)) continue;',
    replace: 'if (strip.has(key)) continue;',
    test: 'proxy/messages-pass-clean-and-whole',
    name: 'what belongs to one connection',
  },
  {
    why: 'cookies go to the provider',
    file: 'src/http/hygiene.ts',
    find: "  'cookie',\n",
    replace: '',
    test: 'proxy/messages-pass-clean-and-whole',
    name: 'what belongs to one connection',
  },
  {
    why: 'two Host lines pass',
    file: 'src/http/arrive.ts',
    find: 'if (hosts > 1)',
    replace: 'if (hosts > 2)',
    test: 'hazards/sluice-stands-every-hazard',
    name: 'a request with two Hosts is refused',
  },
  {
    why: 'two Host lines pass, as the fuzz sees it',
    file: 'src/http/arrive.ts',
    find: 'if (hosts > 1)',
    replace: 'if (hosts > 2)',
    test: 'fuzz/mutated-requests-reach-the-upstream-in-no-other-number',
  },
  {
    why: 'Transfer-Encoding: gzip, chunked goes on as chunked',
    file: 'src/http/arrive.ts',
    find: "coding.trim().toLowerCase() !== 'chunked'",
    replace: "!coding.trim().toLowerCase().endsWith('chunked')",
    test: 'fuzz/mutated-requests-reach-the-upstream-in-no-other-number',
  },
  {
    why: "the client's Transfer-Encoding goes on beside our own framing",
    file: 'src/http/hygiene.ts',
    find: "  'transfer-encoding',\n",
    replace: '',
    test: 'fuzz/mutated-requests-reach-the-upstream-in-no-other-number',
  },
  {
    why: 'a part of each body is lost',
    file: 'src/http/body-stream.ts',
    find: 'this.push(chunk)',
    replace: 'this.push(chunk.subarray(1))',
    test: 'fuzz/mutated-requests-reach-the-upstream-in-no-other-number',
  },
  {
    why: 'dot segments go on unresolved',
    file: 'src/http/target.ts',
    find: 'if (!dotSegment.test(path)) return',
    replace: 'if (path.length > 0) return',
    test: 'hazards/sluice-stands-every-hazard',
    name: 'dot segments are resolved once',
  },
  {
    why: 'the body of an Expect request is asked for before the policies have agreed',
    file: 'src/http/exchange.ts',
    find: '    this.#expectsContinue = expectsContinue;\n',
    replace: '    this.#expectsContinue = expectsContinue;\n    if (expectsContinue) this.#response.continue();\n',
    test: 'proxy/messages-pass-clean-and-whole',
    name: 'a client that expects 100-continue',
  },
  {
    why: 'a stale connection is not tried once more',
    file: 'src/http/exchange.ts',
    find: ' || this.#retries.stale(attempt, failure)',
    replace: '',
    test: 'hazards/sluice-stands-every-hazard',
    name: 'a kept-alive connection that turns out stale',
  },
  {
    why: 'a chunk waits for the next one',
    file: 'src/http/client-response.ts',
    find: 'return this.#res.write(chunk);',
    replace: 'setTimeout(() => this.#res.write(chunk), 60); return true;',
    test: 'proxy/each-event-arrives-before-the-next-is-sent',
    name: 'with an event every 50 ms',
  },
  {
    why: 'first_byte has no timer',
    file: 'src/upstream/attempt.ts',
    find: 'if (limit > 0) this.#phase = setTimeout(onPhase, limit, this);',
    replace: '',
    test: 'proxy/connections-are-guarded-bounded-and-timed',
    name: 'each timeout has its code',
    hangs: true,
  },
  {
    why: "the pool's queue has no bound",
    file: 'src/upstream/pool.ts',
    find: 'return this.#inFlight >= this.#most;',
    replace: 'return false;',
    test: 'proxy/connections-are-guarded-bounded-and-timed',
    name: 'twenty calls in a row',
    hangs: true,
  },
  {
    why: 'a handshake skips the policies',
    file: 'src/http/upgrade.ts',
    find: 'decision ?? this.#prepare()',
    replace: 'this.#prepare()',
    test: 'proxy/websockets-take-the-same-pipeline',
    name: 'policies run first',
    hangs: true,
  },
  {
    why: 'a handshake may announce a body',
    file: 'src/http/arrive.ts',
    find: 'if (upgrade && handshakeFault(headers, req.httpVersion))',
    replace: 'if (upgrade && headers.keys.length === 0)',
    test: 'proxy/websockets-are-bounded-and-end-honestly',
    name: 'a handshake that could smuggle',
    hangs: true,
  },
  {
    why: 'pipelined requests run at once',
    file: 'src/http/client-connection.ts',
    find: 'if (this.#current === undefined) {',
    replace: 'if (request !== undefined) {',
    test: 'proxy/inbound-requests-are-bounded',
    name: 'pipelined requests are answered in order',
    hangs: true,
  },
  {
    why: 'a refusal is written into a response that has begun',
    file: 'src/http/server.ts',
    find: '?.answerable === true',
    replace: ' !== undefined',
    test: 'proxy/no-answer-gets-into-another',
    name: 'garbage behind a request',
  },
  {
    why: 'the second signal is an error (seen in a process that the test starts)',
    file: 'src/main.ts',
    find: 'void app.log.close().finally(() => process.exit(0));',
    replace: 'void app.log.close().finally(() => process.exit(3));',
    test: 'app/signals-drain-reload-and-stop',
    name: 'a second signal exits at once',
  },
  {
    why: 'a request without Host passes',
    file: 'src/http/arrive.ts',
    find: "if (hosts === 0 && req.httpVersion === '1.1')",
    replace: 'if (hosts < 0)',
    test: 'hazards/sluice-stands-every-hazard',
    name: 'a request without Host is refused',
  },
  {
    why: 'where memory is scarce, what nobody wants is read all the same',
    file: 'src/http/linger.ts',
    find: 'socket.pause();',
    replace: 'socket.resume();',
    test: 'proxy/who-still-sends-hears-its-answer',
    name: 'is read no more',
  },
  ...brokenBuildsForHazards,
];
