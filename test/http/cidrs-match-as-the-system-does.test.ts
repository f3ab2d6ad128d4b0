import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { test } from 'node:test';
import { compileCidrs } from '../../src/http/client-address.ts';
import { plainAddress } from '../../src/http/parse-address.ts';

const octets = [0, 1, 9, 10, 63, 64, 126, 127, 128, 191, 192, 254, 255];
const pick = (i: number) => octets[i % octets.length] as number;
const address = (seed: number) => [pick(seed), pick(seed * 7 + 1), pick(seed * 11 + 2), pick(seed * 13 + 5)].join('.');

test('IPv4 ranges of every length hold what a BlockList of the system holds, asked once or twice', () => {
  for (let bits = 0; bits <= 32; bits++) {
    for (let i = 0; i < 13; i++) {
      const base = address(i + bits);
      const inside = compileCidrs([`${base}/${bits}`]);
      const list = new BlockList();
      list.addSubnet(base, bits);
      for (let j = 0; j < 60; j++) {
        const ip = address(j * 3 + i);
        assert.equal(inside(ip), list.check(ip), `${ip} in ${base}/${bits}`);
        assert.equal(inside(ip), list.check(ip), `${ip} in ${base}/${bits}, again`);
      }
      assert.equal(inside(base), true);
    }
  }
});

test('a text is read as an IPv4 address where the system reads one, and nowhere else', () => {
  const odd = [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    '01.2.3.4',
    '1.2.3.00',
    '256.1.1.1',
    '1.2.3.999',
  ];
  const odder = [
    '1.2.3.4 ',
    ' 1.2.3.4',
    '1.2.3.a',
    '::1',
    '::ffff:1.2.3.4',
    '1,2,3,4',
    '+1.2.3.4',
    '١.2.3.4',
    '0.0.0.0',
  ];
  for (const text of [...odd, ...odder, '255.255.255.255', '10.0.200.1']) {
    assert.equal(plainAddress(text) >= 0, isIP(text) === 4, text);
  }
  assert.equal(plainAddress('255.255.255.255'), 2 ** 32 - 1);
  assert.equal(compileCidrs(['0.0.0.0/0'])('01.2.3.4'), false);
  assert.equal(compileCidrs(['0.0.0.0/0', '::/0'])(''), false);
});
