import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FilesRead } from '../../src/config/files-read.ts';
import { contentOf } from '../../src/config/read-file.ts';
import { Reloads } from '../../src/reloads.ts';
import { entryOf, newKey } from '../support/client-keys.ts';
import { startProvider } from '../support/fake-provider.ts';
import { proxyYaml } from '../support/proxy-yaml.ts';
import { selfSignedCertificate } from '../support/self-signed-certificate.ts';
import { changed, failed, folderOf, reloaded, replace, startWatching } from './edited-app.ts';

const version = (is: string) => ({ policy: 'headers', with: { response: { set: { 'x-version': is } } } });
const yaml = (upstream: string, is: string) => proxyYaml({ upstream, policies: [version(is)] });

async function start(t: TestContext, folder?: string) {
  const provider = await startProvider({ t });
  const file = join(folder ?? (await folderOf(t)), 'proxy.yaml');
  await writeFile(file, yaml(provider.url, '1'));
  const app = await startWatching(t, [file]);
  const served = async () => (await fetch(`${app.url}/openai/v1/models`)).headers.get('x-version');
  return { ...app, provider, file, served };
}

// They wait more than they work.
describe('what cannot be read', { concurrency: true }, () => {
  test('a file that is away, or empty, for a moment is nothing, and it is taken when it is back', async (t) => {
    const { file, provider, served, told, count } = await start(t);
    await rename(file, `${file}.away`);
    await sleep(1_500);
    await rename(`${file}.away`, file);
    await sleep(1_500);
    await truncate(file);
    await sleep(1_500);
    await writeFile(file, yaml(provider.url, '2'));
    await told(reloaded);
    assert.equal(await served(), '2');
    assert.deepEqual([count(changed), count(failed)], [1, 0]);
  });

  test('a file that stays away is told once, and what runs stays; it is taken when it is back', async (t) => {
    const { file, provider, served, told, count } = await start(t);
    await rm(file);
    assert.match(JSON.stringify((await told(failed))?.problems), /does not exist/);
    await sleep(6_000);
    assert.equal(count(failed), 1);
    assert.equal(await served(), '1');
    await replace(file, yaml(provider.url, '2'));
    await told(reloaded);
    assert.equal(await served(), '2');
  });

  test('a folder that is removed and made again is watched again', async (t) => {
    const folder = join(await folderOf(t), 'mount');
    await mkdir(folder);
    const { file, provider, served, told, count } = await start(t, folder);
    await rm(folder, { recursive: true });
    await sleep(1_500);
    await mkdir(folder);
    await replace(file, yaml(provider.url, '2'));
    await told(reloaded);
    assert.equal(await served(), '2');
    assert.equal(count(failed), 0);
  });

  test('a reading that fails for the moment only is tried again, though the file does not change', async (t) => {
    const file = join(await folderOf(t), 'proxy.yaml');
    await writeFile(file, 'listen: localhost:1');
    const read = new FilesRead();
    read.note(file, 'cannot be read (EMFILE)');
    let reloads = 0;
    const loaded = new Promise<void>((resolve) => {
      const reload = async () => {
        // The first one finds no file descriptor either.
        if (++reloads === 1) return;
        read.note(file, await contentOf(file));
        resolve();
      };
      const queue = new Reloads(reload, { info() {}, warn() {}, error() {} }, read);
      t.after(() => queue.close());
      queue.watch();
    });
    await loaded;
    assert.equal(read.unsettled, false);
    assert.deepEqual(await read.changed(), []);
  });

  const spoil: [what: string, how: (file: string) => Promise<unknown>, reason: RegExp][] = [
    ['a directory', (file) => mkdir(file), /is a directory/],
    ['a link to itself', (file) => symlink(file, file), /symbolic link that leads to itself/],
    ['a link to nothing', (file) => symlink('nowhere', file), /does not exist/],
    ['a pipe', async (file) => execFileSync('mkfifo', [file]), /no regular file/],
    ['a huge file', (file) => writeFile(file, '#'.repeat(64 * 1024 * 1024)), /larger than 1024 KiB/],
    ['no text', (file) => writeFile(file, Buffer.from([0xff, 0xfe, 0x00])), /not UTF-8/],
  ];
  for (const [what, how, reason] of spoil) {
    test(`${what} in the place of the file changes nothing, is told once, and ends`, async (t) => {
      const { file, provider, served, told, count } = await start(t);
      await rm(file);
      await how(file);
      assert.match(JSON.stringify((await told(failed))?.problems), reason);
      await sleep(1_500);
      assert.equal(count(failed), 1);
      assert.equal(await served(), '1');
      await rm(file, { recursive: true });
      await replace(file, yaml(provider.url, '2'));
      await told(reloaded);
      assert.equal(await served(), '2');
    });
  }

  test('a certificate that is replaced is taken; one that does not fit its key is not', async (t) => {
    const [server, client, next] = [selfSignedCertificate(), selfSignedCertificate('a'), selfSignedCertificate('b')];
    const provider = await startProvider({ t, tls: { ...server, ca: next.cert, requestCert: true } });
    const folder = await folderOf(t);
    const at = (name: string) => join(folder, name);
    await writeFile(at('ca.pem'), server.cert);
    await writeFile(at('cert.pem'), client.cert);
    await writeFile(at('key.pem'), client.key);
    const tls = { ca: { file: 'ca.pem' }, cert: { file: 'cert.pem' }, key: { file: 'key.pem' } };
    await writeFile(at('proxy.yaml'), proxyYaml({ upstream: provider.url, upstreamOptions: { tls } }));
    const { url, told, count } = await startWatching(t, [at('proxy.yaml')]);
    const status = async () => (await fetch(`${url}/openai/v1/models`)).status;
    assert.equal(await status(), 502, 'the provider does not know this client');
    await replace(at('cert.pem'), next.cert);
    assert.match(JSON.stringify((await told(failed))?.problems), /upstreams\.openai.*mismatch/);
    await replace(at('key.pem'), next.key);
    await told(reloaded);
    assert.deepEqual((await told(changed, 2))?.files, [at('key.pem')]);
    assert.equal(await status(), 200);
    assert.equal(count(failed), 1);
  });

  test('a file of keys that was missing at a reload brings another one when it is there', async (t) => {
    const { file, provider, url, told, count } = await start(t);
    const keys = join(file, '..', 'keys.yaml');
    const policies = [{ policy: 'client-auth', with: { key_file: 'keys.yaml' } }];
    await replace(file, proxyYaml({ upstream: provider.url, policies }));
    assert.match(JSON.stringify((await told(failed))?.problems), /key_file.*ENOENT/);
    const entries = (...names: string[]) => JSON.stringify(names.map((name) => entryOf(newKey(), name)));
    await replace(keys, entries('one'));
    await told(reloaded);
    assert.deepEqual((await told(changed, 2))?.files, [keys]);
    assert.equal((await fetch(`${url}/openai/v1/models`)).status, 401);
    // From here on the policy itself looks after it.
    await replace(keys, entries('one', 'two'));
    await told('the file of client keys has been read again');
    await sleep(1_500);
    assert.deepEqual([count(changed), count(reloaded), count(failed)], [2, 1, 1]);
  });
});

test('a file that may not be read changes nothing, and is taken when it may', async (t) => {
  // Root may read everything: the test is somebody else for as long as it takes.
  if (process.getuid?.() === 0) {
    process.seteuid?.(65_534);
    t.after(() => process.seteuid?.(0));
  }
  const { file, provider, served, told } = await start(t);
  await chmod(file, 0);
  assert.match(JSON.stringify((await told(failed))?.problems), /may not be read by this user/);
  assert.equal(await served(), '1');
  await chmod(file, 0o600);
  // It holds what runs, but the last word was a failure.
  await told(reloaded);
  await replace(file, yaml(provider.url, '2'));
  await told(reloaded, 2);
  assert.equal(await served(), '2');
});
