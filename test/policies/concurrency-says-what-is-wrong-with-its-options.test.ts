import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HeaderLines } from '../../src/http/headers.ts';
import { BadPriority, compilePriority } from '../../src/limits/priority.ts';
import type { RequestContext } from '../../src/policy.ts';
import { startProxy } from '../support/start-proxy.ts';

const mistakes: readonly [settings: object, place: string, says: RegExp][] = [
  [{ limit: 0 }, 'policies[0].with.limit', /from 1 to 1000000/],
  [{ limit: 1, key: 'nonsense' }, 'policies[0].with.key', /"nonsense" is no key/],
  [{ limit: 1, key: ['route', 'route'] }, 'policies[0].with.key[1]', /is there already/],
  [{ limit: 1, queue: { size: 1, timeout: 0 } }, 'policies[0].with.queue.timeout', /1ms/],
  [{ limit: 1, queue: { timeout: '1s' } }, 'policies[0].with.queue', /size/],
  [{ limit: 1, queue: { size: 1, priority: 'header:a b' } }, 'policies[0].with.queue.priority', /names no header/],
  [
    { limit: 1, queue: { size: 1, priority: ['paid', 'header:a'] } },
    'policies[0].with.queue.priority[1]',
    /stands alone/,
  ],
  [{ limit: 1, queue: { size: 1, priority: ['paid', 'paid'] } }, 'policies[0].with.queue.priority[1]', /already/],
  [{ limit: 1, on_store_error: 'panic' }, 'policies[0].with.on_store_error', /local/],
];

describe('a mistake is told at its place', () => {
  for (const [settings, place, says] of mistakes) {
    it(`${JSON.stringify(settings)} → ${place}`, async (t) => {
      const policies = [{ policy: 'concurrency', with: settings }];
      await assert.rejects(startProxy({ upstream: 'http://127.0.0.1:1', policies }, { t }), (error: Error) => {
        assert.ok(error.message.includes(`${place} `), error.message);
        assert.match(error.message, says);
        return true;
      });
    });
  }
});

/** A request with tags and a header x-priority. */
function request({ tags = [] as string[], header = undefined as string | undefined }): RequestContext {
  const lines = header === undefined ? [] : ['x-priority', header];
  const ctx: Partial<RequestContext> = {
    tags: new Set(tags),
    in: { method: 'GET', path: '/', query: '', httpVersion: '1.1', upgrade: false, headers: new HeaderLines(lines) },
  };
  return ctx as RequestContext;
}

describe('priority', () => {
  it('is the same for all where none is configured', () => {
    assert.equal(compilePriority([])(request({ tags: ['a'], header: '9' })), 0);
  });

  it('is the digit of a header, and nothing else that a client may write', () => {
    const priorityOf = compilePriority(['header:X-Priority']);
    assert.equal(priorityOf(request({})), 0);
    for (let digit = 0; digit <= 9; digit++) assert.equal(priorityOf(request({ header: `${digit}` })), digit);
    for (const header of ['10', '-1', '+9', '9.0', '0x9', 'Infinity', 'NaN', '9, 9', '٩', '９', '', ' ', '1e1']) {
      assert.equal(priorityOf(request({ header })), 0, header);
    }
  });

  it('is given by the first tag of the list that the request has', () => {
    const priorityOf = compilePriority(['staff', 'paid']);
    assert.equal(priorityOf(request({})), 0);
    assert.equal(priorityOf(request({ tags: ['other'] })), 0);
    assert.equal(priorityOf(request({ tags: ['other', 'paid'] })), 8);
    assert.equal(priorityOf(request({ tags: ['paid', 'staff'] })), 9);
  });

  it('knows nine tags at most', () => {
    const tags = Array.from({ length: 10 }, (_, i) => `t${i}`);
    assert.throws(() => compilePriority(tags), BadPriority);
    assert.equal(compilePriority(tags.slice(0, 9))(request({ tags: ['t8'] })), 1);
  });
});
