import type { IncomingHttpHeaders } from 'node:http';
import type { LivePrices, PricesNow } from '#catalog/live';
import type { Charging } from '#charging/charging';
import type { AsOf } from '#charging/commands';
import type { Caller } from '#gateway/auth';
import type { QuarantineBreaker } from '#gateway/breaker';
import type { BusinessTime } from '#gateway/business-time';
import { STORE_MS, unlessSilent, within } from '#gateway/in-time';
import { type Refused, refused, refusedBound, refusedHold } from '#gateway/refused';
import type { RefusalCode } from '#http/wire-errors';
import type { RequestId } from '#kernel/ids';
import { type NanoUsd, nanos } from '#kernel/money';
import { parseStrict } from '#metering/strict-json';
import type { PriceBook, Terms } from '#pricing/book';
import { boundHold } from '#pricing/bound';

/** What one organization pays: a version of the book, and its discounts. */
export interface PinnedPrices {
  readonly book: PriceBook;
  readonly terms: Terms;
}

/** A request with a committed hold: from here on it is either settled or voided. */
export interface AdmittedCall {
  readonly caller: Caller;
  readonly requestId: RequestId;
  /** The model asked for; which one served is for the answer to say. */
  readonly model: string;
  readonly hold: NanoUsd;
  /** The most output tokens the request allows one turn, fallbacks included. */
  readonly outputTokensMax: number;
  /** Time of admission, by which the whole request is priced: business time. */
  readonly at: Date;
  /** Those of the hold. It is settled by them, whatever comes into force meanwhile (F88). */
  readonly prices: PinnedPrices;
  readonly body: Buffer;
}

export type Admission = { readonly outcome: 'admitted'; readonly call: AdmittedCall } | Refused;

export interface AdmissionDeps {
  readonly charging: Charging;
  readonly prices: LivePrices;
  readonly time: BusinessTime;
  readonly breaker: QuarantineBreaker;
  /** Server tools without a bound are held as that many uses; 0 refuses them (H2). */
  readonly carriedToolUses: number;
  readonly billingUrl: string;
  /** Told of a committed hold whose request has been or will be refused: it goes back. */
  readonly giveBack: (call: AdmittedCall) => void;
}

export interface Asked {
  readonly caller: Caller;
  readonly requestId: RequestId;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly at: Date;
}

const VERSIONS: ReadonlySet<string> = new Set(['2023-06-01', '2026-10-21']);
/** Refusals that another price book might not have led to. */
const BY_BOOK: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  'model_not_priced',
  'invalid_request',
]);

/** The checks every call to the upstream passes, paid or free. */
export function checkHeaders(caller: Caller, headers: IncomingHttpHeaders): Refused | undefined {
  if (caller.kind === 'admin') return refused('admin_key_not_accepted');
  const version = headers['anthropic-version'];
  if (version === undefined || version === '') return refused('version_missing');
  if (typeof version !== 'string' || !VERSIONS.has(version)) return refused('version_unknown');
  const encoding = headers['content-encoding'];
  // What cannot be read cannot be priced; forwarding it unread would be a free call.
  if (encoding !== undefined && encoding !== 'identity') return refused('content_encoded');
  return undefined;
}

/** Prices the worst case of a request and takes that amount from the balance, or says why not. */
export async function admit(deps: AdmissionDeps, asked: Asked): Promise<Admission> {
  const wrong = checkHeaders(asked.caller, asked.headers);
  if (wrong !== undefined) return wrong;
  const parsed = parseStrict(asked.body);
  if (parsed.outcome === 'invalid') return refused('invalid_request', parsed.message);
  const read: Read = { ...asked, value: parsed.value };
  const known = { prices: deps.prices.current(), now: deps.time.guess(asked.at) };
  const first = await promise(deps, read, known);
  if ('call' in first) return await confirmed(deps, read, first);
  const { refusal, asOf } = first;
  const final = asOf === undefined ? !BY_BOOK.has(refusal.code) : stillSo(known, asOf);
  if (final) return refusal;
  // A refusal by prices that are no longer in force would be wrong, and nothing would ever tell.
  const inForce = await within(pricesAsOf(deps.prices, asOf), STORE_MS).catch(() => undefined);
  if (inForce === undefined) return refused('ledger_unavailable');
  deps.time.heard(asked.at, inForce.now);
  if (stillSo(known, { epoch: inForce.prices.epoch, now: inForce.now })) return refusal;
  const second = await promise(deps, read, inForce);
  return 'call' in second ? await confirmed(deps, read, second) : second.refusal;
}

async function pricesAsOf(prices: LivePrices, asOf: AsOf | undefined): Promise<PricesNow> {
  if (asOf === undefined) return await prices.latest();
  return { prices: await prices.since(asOf.epoch), now: asOf.now };
}

interface Read extends Asked {
  readonly value: unknown;
}

/** A committed hold, the prices it was computed by, and what the store says of those in force. */
interface Promised {
  readonly call: AdmittedCall;
  readonly by: PricesNow;
  readonly asOf: AsOf;
}

interface Declined {
  readonly refusal: Refused;
  /** Present where other prices might have meant another answer of the store. */
  readonly asOf?: AsOf;
}

async function promise(
  deps: AdmissionDeps,
  read: Read,
  by: PricesNow,
): Promise<Promised | Declined> {
  const call = priced(deps, read, by);
  if ('code' in call) return { refusal: call };
  const { caller, requestId, hold: amount } = call;
  const { organizationId, apiKeyId, workspaceId } = caller;
  const held = await unlessSilent(
    deps.charging.hold({ organizationId, requestId, apiKeyId, workspaceId, amount }),
    deps.charging.silent,
    (late) => {
      if (late.outcome === 'held') deps.giveBack(call);
    },
  );
  if (held === undefined) return { refusal: refused('ledger_unavailable') };
  if (held.outcome !== 'held') {
    const refusal = refusedHold(held, deps.billingUrl);
    return 'asOf' in held ? { refusal, asOf: held.asOf } : { refusal };
  }
  deps.time.heard(read.at, held.asOf.now);
  return { call, by, asOf: held.asOf };
}

/** The request with the most it can cost by these prices, or why there is no such amount. */
function priced(
  deps: AdmissionDeps,
  read: Read,
  { prices, now: at }: PricesNow,
): AdmittedCall | Refused {
  const { caller, requestId, body, value } = read;
  const { book } = prices;
  const terms = prices.termsOf(caller.organizationId);
  const bound = boundHold(book, value, body.length, at, terms, deps.carriedToolUses);
  if (bound.outcome !== 'bounded') return refusedBound(bound);
  const { model, amount: hold, outputTokensMax } = bound;
  if (deps.breaker.open(model)) return refused('upstream_usage_unreliable');
  const pinned: PinnedPrices = { book, terms };
  return { caller, requestId, model, hold, outputTokensMax, at, prices: pinned, body };
}

const stillSo = ({ prices, now }: PricesNow, asOf: AsOf): boolean =>
  prices.epoch === asOf.epoch && prices.steady(now, asOf.now);

/**
 * A hold is for the prices in force when it was taken (F88). If they changed between the bound and
 * the hold, the request is bounded again, and its hold raised where they ask for more; a hold that
 * is now too large stays, and what is not used of it goes back when the request is settled.
 */
async function confirmed(deps: AdmissionDeps, read: Read, promised: Promised): Promise<Admission> {
  const { call: held, asOf } = promised;
  if (stillSo(promised.by, asOf)) {
    return { outcome: 'admitted', call: { ...held, at: asOf.now } };
  }
  const call = await repriced(deps, read, asOf);
  const refusal = 'code' in call ? call : await raised(deps, call, held.hold);
  if (refusal !== undefined) deps.giveBack(held);
  if ('code' in call) return call;
  const hold = nanos(held.hold > call.hold ? held.hold : call.hold);
  return refusal ?? { outcome: 'admitted', call: { ...call, hold } };
}

async function repriced(
  deps: AdmissionDeps,
  read: Read,
  { epoch, now }: AsOf,
): Promise<AdmittedCall | Refused> {
  const reading = within(deps.prices.since(epoch), STORE_MS);
  const prices = await reading.catch(() => undefined);
  return prices === undefined ? refused('ledger_unavailable') : priced(deps, read, { prices, now });
}

async function raised(
  deps: AdmissionDeps,
  call: AdmittedCall,
  held: NanoUsd,
): Promise<Refused | undefined> {
  if (call.hold <= held) return undefined;
  const { caller, requestId, hold: toAmount } = call;
  const { organizationId } = caller;
  // Whatever comes late: the whole hold is given back by then.
  const extension = deps.charging.extend({ organizationId, requestId, toAmount });
  const answer = await unlessSilent(extension, deps.charging.silent, () => {});
  if (answer === undefined) return refused('ledger_unavailable');
  return answer.outcome === 'held' ? undefined : refusedHold(answer, deps.billingUrl);
}
