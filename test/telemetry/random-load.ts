/** Requests whose models, paths, methods and header values nobody has seen before, and others of the same kinds. */
import { randomBytes, randomInt } from 'node:crypto';
import { CHATS, type Mixed } from './mixed-load.ts';

/** Methods with a label of their own that ask for a response with and without a body, and some without. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE', 'SEARCH'];
const routes = Object.keys(CHATS);

/** What a random request is like, so that a small load can go through every combination first. */
interface Kind {
  readonly route: string;
  readonly method: string;
  readonly does: 'echo' | 'denied' | 'failing' | 'nowhere' | 'unknown-path' | 'chat';
  readonly model: 'exact' | 'gpt' | 'claude' | 'other' | 'none';
  readonly stream: boolean;
}

const DOES = ['echo', 'denied', 'failing', 'nowhere', 'unknown-path'] as const;
const MODELS = ['exact', 'gpt', 'claude', 'other', 'none'] as const;

function everyKind(): Kind[] {
  const kinds: Kind[] = [];
  for (const route of routes) {
    for (const method of METHODS) {
      for (const does of DOES) kinds.push({ route, method, does, model: 'none', stream: false });
    }
    for (const model of MODELS) {
      for (const stream of [true, false]) {
        for (const method of ['POST', 'PUT']) kinds.push({ route, method, does: 'chat', model, stream });
      }
    }
  }
  return kinds;
}

const kinds = everyKind();

/** One request of every kind. */
export function everyKindOnce(mixed: Mixed): Promise<void> {
  return send(mixed, kinds);
}

/** So many requests of random kinds. */
export function randomRequests(mixed: Mixed, count: number): Promise<void> {
  return send(
    mixed,
    Array.from({ length: count }, () => pick(kinds)),
  );
}

async function send(mixed: Mixed, todo: readonly Kind[]): Promise<void> {
  const queue = todo.values();
  const worker = async () => {
    for (const kind of queue) await sendOne(mixed, kind);
  };
  await Promise.all(Array.from({ length: 24 }, worker));
}

async function sendOne(mixed: Mixed, { route, method, does, model, stream }: Kind): Promise<void> {
  const headers: Record<string, string> = {
    [`x-${word()}`]: word(),
    'x-player-id': word(),
    'x-request-id': word(),
    'user-agent': word(),
    traceparent: `00-${randomBytes(16).toString('hex')}-${randomBytes(8).toString('hex')}-0${randomInt(2)}`,
    'x-forwarded-for': `10.${randomInt(256)}.${randomInt(256)}.1`,
  };
  if (does === 'denied') headers['x-deny'] = '1';
  if (does === 'failing') headers['x-fail'] = '1';
  if (does === 'chat') {
    const chat = CHATS[route]?.(nameOf(model), stream);
    if (chat !== undefined) await mixed.ask(method, `/${route}${chat.path}`, headers, chat.body);
    return;
  }
  const below = does === 'unknown-path' ? `/${word()}/${word()}` : `/echo/${word()}?${word()}=${word()}`;
  await mixed.ask(method, does === 'nowhere' ? `/${word()}/${word()}` : `/${route}${below}`, headers);
}

function nameOf(model: Kind['model']): string | undefined {
  switch (model) {
    case 'exact':
      return 'gpt-4o';
    case 'gpt':
    case 'claude':
      return `${model}-${word()}`;
    case 'other':
      return word();
    case 'none':
      return undefined;
  }
}

function word(): string {
  return randomBytes(randomInt(3, 24)).toString('hex');
}

function pick<One>(list: readonly One[]): One {
  return list[randomInt(list.length)] as One; // the list is not empty
}
