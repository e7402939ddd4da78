import { BlockList, isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { classifyAddress, isAddress } from './address.ts';

/** The same blocks, told to somebody else's code. */
const elsewhere = new BlockList();
for (const [block, length] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
  ['168.63.129.16', 32],
] as const) {
  elsewhere.addSubnet(block, length, 'ipv4');
}
const routed = new BlockList();
routed.addSubnet('2000::', 3, 'ipv6');
const carved = new BlockList();
for (const [block, length] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  carved.addSubnet(block, length, 'ipv6');
}

describe('T26: whose address it is', () => {
  test('an IPv4 address is public exactly if no special block holds it', () => {
    const near = fc.constantFrom(
      0,
      9,
      10,
      11,
      99,
      100,
      126,
      127,
      128,
      168,
      169,
      172,
      192,
      198,
      203,
    );
    const byte = fc.integer({ min: 0, max: 255 });
    fc.assert(
      fc.property(fc.oneof(near, byte), byte, byte, byte, (...bytes) => {
        const address = bytes.join('.');
        expect(classifyAddress(address) === 'public').toBe(!elsewhere.check(address, 'ipv4'));
        expect(classifyAddress(address) === 'loopback').toBe(bytes[0] === 127);
      }),
      { numRuns: 2_000 },
    );
  });

  test('an IPv6 address is public exactly if it is routed between strangers', () => {
    const group = fc.integer({ min: 0, max: 0xffff });
    const first = fc.oneof(fc.constantFrom(0, 0x64, 0x2001, 0x2002, 0x3fff, 0xfc00, 0xfe80), group);
    const second = fc.oneof(fc.constantFrom(0, 0xdb8, 0xff9b, 0x1ff, 0x200), group);
    fc.assert(
      fc.property(first, second, fc.array(group, { minLength: 6, maxLength: 6 }), (a, b, rest) => {
        const address = [a, b, ...rest].map((one) => one.toString(16)).join(':');
        const expected = routed.check(address, 'ipv6') && !carved.check(address, 'ipv6');
        expect([address, classifyAddress(address) === 'public']).toEqual([address, expected]);
      }),
      { numRuns: 2_000 },
    );
  });

  test('however an IPv6 address is written, it is the same one', () => {
    const zeros = fc.integer({ min: 0, max: 7 });
    const group = fc.integer({ min: 1, max: 0xffff });
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), zeros, zeros, (all, from, n) => {
        const groups = all.map((one, at) => (at >= from && at < from + n ? 0 : one).toString(16));
        const shown = groups.join(':');
        const short = `${groups.slice(0, from).join(':')}::${groups.slice(from + n).join(':')}`;
        if (n === 0) return;
        for (const text of [short, short.toUpperCase()]) {
          if (isIP(text) === 6) expect(classifyAddress(text)).toBe(classifyAddress(shown));
        }
      }),
    );
  });

  test('an IPv4 address inside an IPv6 one is refused, whatever it is', () => {
    fc.assert(
      fc.property(fc.ipV4(), (four) => {
        for (const coat of ['::ffff:', '::', '64:ff9b::', '::ffff:0:']) {
          const verdict = classifyAddress(`${coat}${four}`);
          expect(verdict, `${coat}${four}`).toBe(
            `${coat}${four}` === '::0.0.0.1' ? 'loopback' : 'refused',
          );
        }
      }),
    );
  });

  test('what clouds keep for their own machines is refused', () => {
    const kept = ['169.254.169.254', '100.100.100.200', '192.0.0.192', '168.63.129.16'];
    for (const one of [...kept, 'fd00:ec2::254', 'fe80::a9fe:a9fe', '::', '0.0.0.0', 'ff02::1']) {
      expect([one, classifyAddress(one)]).toEqual([one, 'refused']);
    }
    expect(['127.0.0.1', '127.1.2.3', '::1'].map(classifyAddress)).toEqual([
      'loopback',
      'loopback',
      'loopback',
    ]);
    expect(['8.8.8.8', '1.1.1.1', '2606:4700::1111', '2a00:1450::1'].map(classifyAddress)).toEqual([
      'public',
      'public',
      'public',
      'public',
    ]);
  });

  test('what no address is, is refused; what somebody else would read as one, is not read', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6()), (text) => {
        if (isIP(text) === 0 && isAddress(text)) throw new Error(`read: ${text}`);
        if (!isAddress(text)) expect(classifyAddress(text)).toBe('refused');
      }),
    );
    for (const text of [
      '127.1',
      '0x7f000001',
      '2130706433',
      '1.2.3.256',
      '1:2',
      ':::',
      'fe80::1%1',
    ])
      expect([text, isAddress(text)]).toEqual([text, false]);
  });
});
