import { describe, expect, test } from 'vitest';
import { readTarget, STRICT_POLICY, type TargetPolicy, type TargetRefusal } from './target.ts';

const why = (url: string, policy: TargetPolicy = STRICT_POLICY): TargetRefusal | 'accepted' => {
  const read = readTarget(url, policy);
  return read.outcome === 'refused' ? read.why : 'accepted';
};

/** Every way to write this machine or one beside it that a URL parser knows. */
const INSIDE = [
  ...['127.0.0.1', '127.1', '127.0.1', '0x7f.1', '0x7f000001', '2130706433', '017700000001'],
  ...['0177.0.0.1', '0x7f.0x0.0x0.0x1', '127.0.0.1.', '0', '0.0.0.0', '0x0', '１２７.0.0.1'],
  ...['①②⑦.0.0.1', '127。0。0。1', '%31%32%37.0.0.1', '10.0.0.1', '0xa.0.0.1', '167772161'],
  ...['172.16.0.1', '172.31.255.255', '192.168.0.1', '3232235521', '169.254.169.254'],
  ...['0xa9fea9fe', '2852039166', '0251.0376.0251.0376', '100.64.0.1', '100.100.100.200'],
  ...['198.18.0.1', '192.0.0.192', '224.0.0.1', '255.255.255.255', '168.63.129.16'],
  ...['[::]', '[::1]', '[0:0:0:0:0:0:0:1]', '[::127.0.0.1]', '[::ffff:127.0.0.1]'],
  ...['[::ffff:7f00:1]', '[::ffff:a9fe:a9fe]', '[64:ff9b::7f00:1]', '[64:ff9b::10.0.0.1]'],
  ...['[64:ff9b:1::1]', '[2002:7f00:1::]', '[2001:0:7f00:1::]', '[fe80::1]', '[fc00::1]'],
  ...['[fd00:ec2::254]', '[ff02::1]', '[2001:db8::1]', '[100::1]', '[5f00::1]'],
  ...['localhost', 'LOCALHOST', 'localhost.', 'a.localhost', 'LocalHost', 'ｌocalhost'],
  ...['metadata', 'db', 'postgres', 'metadata.google.internal', 'metadata.google.internal.'],
  ...['kubernetes.default.svc.cluster.local', 'printer.local', 'router.lan', 'nas.home'],
  ...['host.docker.internal', 'wiki.corp', '1.0.0.127.in-addr.arpa', 'x.onion', 'a..com'],
];

describe('T26: URLs that lead inside', () => {
  test.each(INSIDE)('%s is refused', (host) => {
    for (const form of [`https://${host}/`, `https://${host}:443/x?y`, `HTTPS://${host}`]) {
      expect(['not_public', 'not_a_url'], form).toContain(why(form));
    }
    expect(['not_public', 'not_a_url', 'credentials']).toContain(why(`https://good.com@${host}/`));
  });
});

test.each([
  ['http://example.com/', 'not_https'],
  ['ftp://example.com/', 'not_https'],
  ['file:///etc/passwd', 'not_https'],
  ['gopher://example.com/', 'not_https'],
  ['javascript:alert(1)', 'not_https'],
  ['data:text/plain,1', 'not_https'],
  ['//example.com', 'not_a_url'],
  ['example.com', 'not_a_url'],
  ['https://', 'not_a_url'],
  ['', 'not_a_url'],
  ['https://user@example.com/', 'credentials'],
  ['https://:secret@example.com/', 'credentials'],
  ['https://127.0.0.1@example.com/', 'credentials'],
  ['https://example.com/#', 'fragment'],
  ['https://example.com/#part', 'fragment'],
  ['https://example.com:8443/', 'port'],
  ['https://example.com:22/', 'port'],
  ['https://example.com:5432/', 'port'],
  [`https://example.com/${'x'.repeat(2_000)}`, 'too_long'],
] as const)('%s is refused: %s', (url, expected) => {
  expect(why(url)).toBe(expected);
});

test('what is accepted is kept as every server reads it', () => {
  for (const [typed, kept] of [
    [' https://Example.COM ', 'https://example.com/'],
    ['https://example.com:443/hooks?a=b', 'https://example.com/hooks?a=b'],
    ['https://bücher.example/', 'https://xn--bcher-kva.example/'],
    ['https://8.8.8.8/', 'https://8.8.8.8/'],
    ['https://0x08080808/', 'https://8.8.8.8/'],
    ['https://[2606:4700::1111]/', 'https://[2606:4700::1111]/'],
    ['https://a.b.example.com./', 'https://a.b.example.com./'],
  ] as const) {
    expect(readTarget(typed, STRICT_POLICY)).toMatchObject({
      outcome: 'accepted',
      target: { text: kept, loopback: false },
    });
  }
});

test('an operator opens other ports, and this machine to a developer, and nothing else by it', () => {
  const more: TargetPolicy = { ports: new Set([443, 8443]), loopback: true };
  for (const url of [
    'https://example.com:8443/',
    'http://127.0.0.1:4321/',
    'http://localhost:80/',
  ]) {
    expect([url, why(url, more)]).toEqual([url, 'accepted']);
  }
  expect(why('http://[::1]:9000/', more)).toBe('accepted');
  expect(why('http://example.com/', more)).toBe('not_https');
  expect(why('https://example.com:9000/', more)).toBe('port');
  for (const host of INSIDE) {
    const read = readTarget(`https://${host}/`, more);
    const own = read.outcome === 'refused' || /^(127\.|::1$|localhost$)/.test(read.target.host);
    expect([host, own]).toEqual([host, true]);
  }
});
