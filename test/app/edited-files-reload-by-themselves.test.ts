import assert from 'node:assert/strict';
import { mkdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startProvider } from '../support/fake-provider.ts';
import { proxyYaml } from '../support/proxy-yaml.ts';
import { changed, failed, folderOf, reloaded, replace, startWatching } from './edited-app.ts';

/** Longer than a change needs to be at rest and the poll to see it. */
const aWhile = () => sleep(1_800);

const version = (is: string) => [{ policy: 'headers', with: { response: { set: { 'x-version': is } } } }];

async function start(t: TestContext, provider: { readonly url: string }) {
  const folder = await folderOf(t);
  const file = join(folder, 'proxy.yaml');
  const yaml = (is: string) => proxyYaml({ upstream: provider.url, policies: version(is) });
  await writeFile(file, yaml('1'));
  const app = await startWatching(t, [file]);
  const served = async () => (await fetch(`${app.url}/openai/v1/models`)).headers.get('x-version');
  assert.equal(await served(), '1');
  return { ...app, folder, file, yaml, served };
}

// They wait more than they work.
describe('edited files', { concurrency: true }, () => {
  test('an edit in place and one by a rename are taken, and the line says which file', async (t) => {
    const { file, yaml, served, told } = await start(t, await startProvider({ t }));
    await writeFile(file, yaml('2'));
    await told(reloaded);
    assert.deepEqual((await told(changed))?.files, [file]);
    assert.equal(await served(), '2');
    await replace(file, yaml('3'));
    await told(reloaded, 2);
    assert.equal(await served(), '3');
    // The watch outlives the file that it began with.
    await replace(file, yaml('4'));
    await told(reloaded, 3);
    assert.equal(await served(), '4');
  });

  test('a mounted ConfigMap: each swap of ..data is taken, with both of its files', async (t) => {
    const provider = await startProvider({ t });
    const folder = await folderOf(t);
    const publish = async (is: string) => {
      await mkdir(join(folder, `..v${is}`));
      await writeFile(join(folder, `..v${is}`, 'proxy.yaml'), proxyYaml({ upstream: provider.url }));
      await writeFile(join(folder, `..v${is}`, 'overlay.yaml'), JSON.stringify({ policies: version(is) }));
      await symlink(`..v${is}`, join(folder, '..data_tmp'));
      await rename(join(folder, '..data_tmp'), join(folder, '..data'));
      await rm(join(folder, `..v${Number(is) - 1}`), { recursive: true, force: true });
    };
    await publish('1');
    const files = ['proxy.yaml', 'overlay.yaml'].map((name) => join(folder, name));
    for (const name of ['proxy.yaml', 'overlay.yaml']) await symlink(`..data/${name}`, join(folder, name));
    const { url, told, count } = await startWatching(t, files);
    for (const is of ['2', '3', '4']) {
      await publish(is);
      await told(reloaded, Number(is) - 1);
      assert.equal((await fetch(`${url}/openai/v1/models`)).headers.get('x-version'), is);
    }
    assert.deepEqual((await told(changed))?.files, [files[1]], 'the other file is a new one with the same text');
    assert.equal(count(failed), 0);
  });

  test('broken YAML is kept out and told once; what runs stays, and what is mended is taken', async (t) => {
    const { file, yaml, served, told, count, adminUrl } = await start(t, await startProvider({ t }));
    await writeFile(file, 'routes: [');
    const line = await told(failed);
    assert.match(JSON.stringify(line?.problems), /proxy\.yaml:1:/);
    assert.equal(await served(), '1');
    await utimes(file, new Date(), new Date());
    await aWhile();
    await replace(file, 'routes: [');
    await aWhile();
    assert.equal(count(failed), 1, 'the same mistake is no news');
    assert.match(await (await fetch(`${adminUrl}/metrics`)).text(), /sluice_config_reload_total\{result="failure"\} 1/);
    await writeFile(file, yaml('2'));
    await told(reloaded);
    assert.equal(await served(), '2');
  });

  test('the same text again, and other files of the folder, reload nothing', async (t) => {
    const { file, folder, yaml, served, told, count } = await start(t, await startProvider({ t }));
    let busy = true;
    const neighbour = (async () => {
      for (let i = 0; busy; i++) {
        await replace(join(folder, `other-${i % 8}`), String(i));
        await sleep(1);
      }
    })();
    await utimes(file, new Date(), new Date());
    await aWhile();
    await writeFile(file, yaml('1'));
    await aWhile();
    await replace(file, yaml('1'));
    await aWhile();
    assert.equal(count(changed), 0);
    await replace(file, yaml('2'));
    await told(reloaded);
    busy = false;
    await neighbour;
    assert.equal(await served(), '2');
    assert.equal(count(reloaded), 1);
  });

  test('many quick edits, and half files between them, end in the last text, and few are taken', async (t) => {
    const { file, yaml, served, told, count } = await start(t, await startProvider({ t }));
    for (let i = 2; i <= 40; i++) {
      const text = yaml(String(i));
      await writeFile(file, text.slice(0, text.length / 2));
      await sleep(20);
      await writeFile(file, text);
      await sleep(20);
    }
    await told(reloaded);
    await aWhile();
    assert.equal(await served(), '40');
    // One, but on a busy machine the writer itself may rest for half a second.
    assert.ok(count(reloaded) + count(failed) < 4);
  });

  test('a reload that was asked for takes an edit, and the watch does not take it again', async (t) => {
    const { app, file, yaml, served, told, count } = await start(t, await startProvider({ t }));
    // The watch begins with a look of its own.
    await aWhile();
    await writeFile(file, yaml('2'));
    assert.equal((await app.reload()).ok, true);
    assert.equal(await served(), '2');
    await aWhile();
    await writeFile(file, 'routes: [');
    assert.equal((await app.reload()).ok, false);
    await aWhile();
    assert.deepEqual([count(changed), count(reloaded), count(failed)], [0, 1, 1]);
    // Asked for, it happens even though nothing has changed.
    await writeFile(file, yaml('3'));
    await told(reloaded, 2);
    await app.reload();
    assert.equal(count(reloaded), 3);
  });

  test('an edit while streams run disturbs none of them', async (t) => {
    let open: () => void = () => {};
    const gate = new Promise<void>((resolve) => (open = resolve));
    const provider = await startProvider({
      t,
      tokens: ['a', 'b'],
      gate: ({ index }) => (index > 1 ? gate : undefined),
    });
    const { url, file, yaml, told, served } = await start(t, provider);
    const body = JSON.stringify({ model: 'm', stream: true, messages: [] });
    const ask = () => fetch(`${url}/openai/v1/chat/completions`, { method: 'POST', body });
    const streams = await Promise.all(Array.from({ length: 20 }, ask));
    await replace(file, yaml('2'));
    await told(reloaded);
    assert.equal(await served(), '2');
    open();
    for (const stream of streams) {
      assert.equal(stream.headers.get('x-version'), '1');
      assert.match(await stream.text(), /\[DONE\]/);
    }
  });

  test('two apps of one process watch their own files; one that is closed takes nothing more', async (t) => {
    const provider = await startProvider({ t });
    const [one, two] = [await start(t, provider), await start(t, provider)];
    await writeFile(one.file, one.yaml('2'));
    await one.told(reloaded);
    assert.equal(await two.served(), '1');
    await one.app.close({ drainMs: 0 });
    await writeFile(one.file, one.yaml('3'));
    await writeFile(two.file, two.yaml('3'));
    await two.told(reloaded);
    assert.equal(await two.served(), '3');
    assert.equal(one.count(changed), 1);
  });

  test('an edit during a drain is not taken', async (t) => {
    const provider = await startProvider({
      t,
      tokens: ['a', 'b'],
      gate: ({ index }) => (index === 2 ? sleep(1_500) : undefined),
    });
    const { app, url, file, yaml, count } = await start(t, provider);
    const body = JSON.stringify({ model: 'm', stream: true, messages: [] });
    const stream = await fetch(`${url}/openai/v1/chat/completions`, { method: 'POST', body });
    const closed = app.close();
    await writeFile(file, yaml('2'));
    assert.match(await stream.text(), /\[DONE\]/);
    await closed;
    assert.deepEqual([count(changed), count(reloaded), count(failed)], [0, 0, 0]);
  });
});
