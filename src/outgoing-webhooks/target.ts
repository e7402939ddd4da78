import { classifyAddress, isAddress } from './address.ts';

/** Where events may be sent. Set by the operator; the same when an endpoint is saved and at each try. */
export interface TargetPolicy {
  /** Of https. */
  readonly ports: ReadonlySet<number>;
  /** This machine itself, on any port, also without encryption: for a developer's own receiver. */
  readonly loopback: boolean;
}

export const STRICT_POLICY: TargetPolicy = { ports: new Set([443]), loopback: false };

const URL_CHARACTERS_MAX = 2_000;
const HTTPS_PORT = 443;
const HTTP_PORT = 80;

/** Why a URL is not sent to, in words for whoever typed it. */
export const TARGET_REFUSALS = {
  not_a_url: 'Enter a full URL, such as https://example.com/webhooks.',
  too_long: 'A URL has at most 2,000 characters.',
  not_https: 'Events are sent over https only.',
  credentials: 'Leave user name and password out of the URL: check the signature instead.',
  fragment: 'Leave out what follows the #: it is never sent.',
  port: 'Events are not sent to this port.',
  not_public: 'Events are sent to servers on the public internet only.',
} as const;

export type TargetRefusal = keyof typeof TARGET_REFUSALS;

export interface Target {
  /** As every server reads it: numbers in dotted form, names in ASCII. */
  readonly url: URL;
  readonly text: string;
  /** Without brackets. */
  readonly host: string;
  /** True if only addresses of this machine itself are meant. */
  readonly loopback: boolean;
}

export type TargetOutcome =
  | { readonly outcome: 'accepted'; readonly target: Target }
  | { readonly outcome: 'refused'; readonly why: TargetRefusal };

const refused = (why: TargetRefusal): TargetOutcome => ({ outcome: 'refused', why });

/**
 * What can be said of a URL without asking anybody. Its names are resolved at each try, and every
 * address they lead to is judged then (`worker/webhook-post.ts`).
 */
export function readTarget(typed: string, policy: TargetPolicy): TargetOutcome {
  const text = typed.trim();
  if (text.length > URL_CHARACTERS_MAX) return refused('too_long');
  if (!URL.canParse(text)) return refused('not_a_url');
  // It undoes every disguise of a number: 0x7f.1, 2130706433, 0177.0.0.1 are 127.0.0.1 from here on.
  const url = new URL(text);
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return refused('not_https');
  if (url.username !== '' || url.password !== '') return refused('credentials');
  if (text.includes('#')) return refused('fragment');
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  const loopback = policy.loopback && isOwnMachine(host);
  if (!loopback) {
    if (!isPublicName(host)) return refused('not_public');
    if (url.protocol !== 'https:') return refused('not_https');
    if (!policy.ports.has(portOf(url))) return refused('port');
  }
  return { outcome: 'accepted', target: { url, text: url.href, host, loopback } };
}

export const portOf = (url: URL): number => {
  if (url.port !== '') return Number.parseInt(url.port, 10);
  return url.protocol === 'https:' ? HTTPS_PORT : HTTP_PORT;
};

const isOwnMachine = (host: string): boolean =>
  host === 'localhost' || classifyAddress(host) === 'loopback';

/** Ends of names that mean something within one network only (RFC 6761, 6762, 9476 and habit). */
const INNER_NAMES =
  /(^|\.)(localhost|local|localdomain|internal|intranet|lan|home|corp|arpa|onion)$/;

function isPublicName(host: string): boolean {
  if (isAddress(host)) return classifyAddress(host) === 'public';
  // Without a dot it is a machine of the own network; that covers names of containers.
  return host.includes('.') && !INNER_NAMES.test(host) && !host.includes('..');
}
