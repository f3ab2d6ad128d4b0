import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { crc32, deflateRawSync } from 'node:zlib';
import { registryPackage } from './registry-package.ts';
import { zipEntry } from './zip-entry.ts';

const base = {
  name: '@kubernetes-models/base',
  version: '6.0.1',
  integrity: 'sha512-pXKCFeSoL6RsMxoPDwaJ5JtijVjeuNCacgtYS9dImF7qFdzdc9lcQbem6y6Ug7/K6/bFOWdTu3qIX88IK81o0A==',
};

test('a package is unpacked once and found again', () => {
  const folder = registryPackage(base);
  assert.equal(JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version, '6.0.1');
  assert.equal(registryPackage(base), folder);
});

test('a package with another digest is refused and leaves nothing behind, and so is one that does not exist', () => {
  const other = { ...base, integrity: base.integrity.replace('pXKC', 'AAAA') };
  for (const attempt of [1, 2])
    assert.throws(() => registryPackage(other), /is not the known one/, `attempt ${attempt}`);
  assert.throws(() => registryPackage({ ...base, version: '0.0.0-none' }), /npm pack .* failed/);
  assert.ok(existsSync(registryPackage(base)));
});

test('a zip gives its files by name, deflated and stored, and says what it lacks', () => {
  const archive = zipOf({ 'a/b': 'x'.repeat(1000), c: 'y' });
  assert.equal(zipEntry(archive, 'a/b').toString(), 'x'.repeat(1000));
  assert.equal(zipEntry(archive, 'c').toString(), 'y');
  assert.throws(() => zipEntry(archive, 'd'), /has no d/);
  assert.throws(() => zipEntry(Buffer.from('no'), 'd'), /no zip archive/);
});

/** An archive whose longer files are deflated. */
function zipOf(files: Readonly<Record<string, string>>): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const [name, text] of Object.entries(files)) {
    const content = Buffer.from(text);
    const deflated = content.length > 100;
    const packed = deflated ? deflateRawSync(content) : content;
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(deflated ? 8 : 0, 4);
    fields.writeUInt32LE(crc32(content), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(content.length, 18);
    fields.writeUInt16LE(name.length, 22);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), fields, tail, Buffer.from(name));
    locals.push(Buffer.from('PK\x03\x04', 'latin1'), fields, Buffer.from(name), packed);
    offset = Buffer.concat(locals).length;
  }
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(Object.keys(files).length, 8);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(Buffer.concat(directory).length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, ...directory, end]);
}
