/**
 * Which network addresses are somebody else's server on the public internet. Everything that could
 * be a machine beside ours is refused: threat T26, and the special-purpose registries of IANA
 * (RFC 6890 and its updates). Pure: texts in, verdict out.
 */
export type AddressVerdict = 'public' | 'loopback' | 'refused';

/** Blocks of IPv4 that are not the public internet, and why. */
const REFUSED_IPV4: readonly (readonly [block: string, why: string])[] = [
  ['0.0.0.0/8', 'this network; connecting to 0.0.0.0 reaches the machine itself'],
  ['10.0.0.0/8', 'private'],
  ['100.64.0.0/10', 'carrier-grade NAT; one cloud keeps its metadata here'],
  ['169.254.0.0/16', 'link-local; clouds keep their metadata here'],
  ['172.16.0.0/12', 'private'],
  ['192.0.0.0/24', 'protocol assignments; one cloud keeps its metadata here'],
  ['192.0.2.0/24', 'documentation'],
  ['192.88.99.0/24', '6to4 relays'],
  ['192.168.0.0/16', 'private'],
  ['198.18.0.0/15', 'measurements within a network'],
  ['198.51.100.0/24', 'documentation'],
  ['203.0.113.0/24', 'documentation'],
  ['224.0.0.0/4', 'multicast'],
  ['240.0.0.0/4', 'reserved, and broadcast'],
  ['168.63.129.16/32', 'public by its number, but a cloud’s own service to its machines'],
];
const LOOPBACK_IPV4 = '127.0.0.0/8';

/** The only block of IPv6 that is routed between strangers; all else is refused unseen. */
const GLOBAL_IPV6 = '2000::/3';
/** What of it is not one machine of one owner: tunnels that carry IPv4 inside, documentation. */
const REFUSED_IPV6: readonly (readonly [block: string, why: string])[] = [
  ['2001::/23', 'protocol assignments, Teredo tunnels among them'],
  ['2001:db8::/32', 'documentation'],
  ['2002::/16', '6to4: an IPv4 address, which may be private, in another coat'],
  ['3fff::/20', 'documentation'],
];

interface Block {
  readonly bits: bigint;
  readonly shift: bigint;
}

export function classifyAddress(text: string): AddressVerdict {
  const four = readIpv4(text);
  if (four !== undefined) {
    if (inside(four, LOOPBACK_FOUR)) return 'loopback';
    return REFUSED_FOUR.some((block) => inside(four, block)) ? 'refused' : 'public';
  }
  const six = readIpv6(text);
  if (six === undefined) return 'refused';
  if (six === 1n) return 'loopback';
  const outside = !inside(six, GLOBAL_SIX) || REFUSED_SIX.some((block) => inside(six, block));
  return outside ? 'refused' : 'public';
}

export const isAddress = (text: string): boolean =>
  readIpv4(text) !== undefined || readIpv6(text) !== undefined;

const inside = (address: bigint, { bits, shift }: Block): boolean => address >> shift === bits;

/** Four decimal numbers and nothing else: other forms were resolved by whoever read the URL. */
function readIpv4(text: string): bigint | undefined {
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text)) return undefined;
  const bytes = text.split('.').map((part) => BigInt(part));
  if (bytes.some((byte) => byte > 255n)) return undefined;
  return bytes.reduce((all, byte) => (all << 8n) | byte, 0n);
}

const GROUPS = 8;

/** With or without "::" and an IPv4 tail. A zone ("%eth0") belongs to link-local addresses only. */
function readIpv6(text: string): bigint | undefined {
  if (!/^[0-9a-f:.]{2,45}$/i.test(text)) return undefined;
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(groupsOf);
  if (head === undefined) return undefined;
  if (halves.length === 1) return head.length === GROUPS ? joined(head) : undefined;
  if (tail === undefined || head.length + tail.length >= GROUPS) return undefined;
  const gap = Array.from({ length: GROUPS - head.length - tail.length }, () => 0n);
  return joined([...head, ...gap, ...tail]);
}

function groupsOf(half: string): bigint[] | undefined {
  if (half === '') return [];
  const groups: bigint[] = [];
  const parts = half.split(':');
  for (const [place, part] of parts.entries()) {
    const four = place === parts.length - 1 ? readIpv4(part) : undefined;
    if (four !== undefined) groups.push(four >> 16n, four & 0xffffn);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return groups;
}

const joined = (groups: readonly bigint[]): bigint =>
  groups.reduce((all, group) => (all << 16n) | group, 0n);

function readBlock(text: string): Block {
  const [address = '', length = ''] = text.split('/');
  const four = readIpv4(address);
  const number = four ?? readIpv6(address);
  if (number === undefined) throw new Error(`not a block of addresses: ${text}`);
  const shift = (four === undefined ? 128n : 32n) - BigInt(length);
  return { bits: number >> shift, shift };
}

const LOOPBACK_FOUR = readBlock(LOOPBACK_IPV4);
const REFUSED_FOUR = REFUSED_IPV4.map(([block]) => readBlock(block));
const GLOBAL_SIX = readBlock(GLOBAL_IPV6);
const REFUSED_SIX = REFUSED_IPV6.map(([block]) => readBlock(block));
