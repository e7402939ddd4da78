import type { IncomingHttpHeaders } from 'node:http';
import type { LivePrices, PricesNow } from '#catalog/live';
import type { Charging } from '#charging/charging';
import type { AsOf, ExtendOutcome, HoldOutcome } from '#charging/commands';
import type { Caller } from '#gateway/auth';
import type { QuarantineBreaker } from '#gateway/breaker';
import type { BusinessTime } from '#gateway/business-time';
import {
  type Beginning,
  begin,
  climbDown,
  firstRungs,
  isTooMuch,
  type Rungs,
  STARTS,
} from '#gateway/hold-rungs';
import { STORE_MS, unlessSilent, within } from '#gateway/in-time';
import { type Refused, refused, refusedBound, refusedHold } from '#gateway/refused';
import type { RefusalCode } from '#http/wire-errors';
import type { OrganizationId, RequestId } from '#kernel/ids';
import { isObject } from '#kernel/json';
import type { NanoUsd } from '#kernel/money';
import { parseStrict } from '#metering/strict-json';
import type { PriceBook, Terms } from '#pricing/book';
import { boundHold } from '#pricing/bound';
import { type Slices, slicesOf } from '#pricing/slice';

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
  /** Of a stream that holds less than it can cost: how its hold has to grow (H5). */
  readonly slices?: Slices;
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
  /** Told of a request that is refused for want of credit. */
  readonly onOutOfCredit?: ((organizationId: OrganizationId) => void) | undefined;
  /** Told of a committed hold whose request has been or will be refused: it goes back. */
  readonly giveBack: (call: AdmittedCall) => void;
}

export interface Asked {
  readonly caller: Caller;
  readonly requestId: RequestId;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly at: Date;
  /** May refuse what was read, before anything is held. */
  readonly enter?: ((body: unknown) => Promise<Refused | undefined>) | undefined;
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
  return undefined;
}

/** Prices the worst case of a request and takes that amount from the balance, or says why not. */
export async function admit(deps: AdmissionDeps, asked: Asked): Promise<Admission> {
  const wrong = checkHeaders(asked.caller, asked.headers);
  if (wrong !== undefined) return wrong;
  const parsed = parseStrict(asked.body);
  if (parsed.outcome === 'invalid') return refused('invalid_request', parsed.message);
  const limited = await asked.enter?.(parsed.value);
  if (limited !== undefined) return limited;
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
  const priced = price(deps, read, by);
  if ('code' in priced) return { refusal: priced };
  const { call } = priced;
  const { amount, answer, slices } = await begin(priced, (wanted) => hold(deps, call, wanted));
  if (answer.outcome === 'insufficient_credit') deps.onOutOfCredit?.(call.caller.organizationId);
  if (answer.outcome !== 'held') {
    const refusal = refusedHold(answer, deps.billingUrl);
    return 'asOf' in answer ? { refusal, asOf: answer.asOf } : { refusal };
  }
  deps.time.heard(read.at, answer.asOf.now);
  return { call: holding(call, amount, slices), by, asOf: answer.asOf };
}

/** Silence is an answer too; a hold that is taken after it goes back. */
async function hold(
  deps: AdmissionDeps,
  call: AdmittedCall,
  amount: NanoUsd,
): Promise<HoldOutcome> {
  const { caller, requestId } = call;
  const { organizationId, apiKeyId, workspaceId } = caller;
  const held = await unlessSilent(
    deps.charging.hold({ organizationId, requestId, apiKeyId, workspaceId, amount }),
    deps.charging.silent,
    (late) => {
      if (late.outcome === 'held') deps.giveBack(call);
    },
  );
  return held ?? { outcome: 'ledger_unavailable' };
}

const holding = (
  call: AdmittedCall,
  amount: NanoUsd,
  slices: Slices | undefined,
): AdmittedCall => ({
  ...call,
  hold: amount,
  ...(slices === undefined ? {} : { slices }),
});

/** A request with the most it can cost; nothing is held yet. */
interface Priced extends Beginning {
  readonly call: AdmittedCall;
}

/** The request with the most it can cost by these prices, or why there is no such amount. */
function price(deps: AdmissionDeps, read: Read, { prices, now: at }: PricesNow): Priced | Refused {
  const { caller, requestId, body, value } = read;
  const { carriedToolUses: carried } = deps;
  const { book } = prices;
  const terms = prices.termsOf(caller.organizationId);
  const bound = boundHold(book, value, body.length, at, terms, carried);
  if (bound.outcome !== 'bounded') return refusedBound(bound);
  const { model, amount: full, outputTokensMax } = bound;
  if (deps.breaker.open(model)) return refused('upstream_usage_unreliable');
  const pinned: PinnedPrices = { book, terms };
  return {
    call: { caller, requestId, model, hold: full, outputTokensMax, at, prices: pinned, body },
    start: STARTS[caller.holdPolicy ?? 'auto'][streams(value) ? 'stream' : 'whole'],
    full,
    slices: () => slicesOf(book, value, body.length, at, terms, carried, full),
  };
}

/** Whether the answer is asked for as a stream, which alone can be ended in the middle. */
export const streams = (body: unknown): boolean => isObject(body) && body.stream === true;

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
  const priced = await repriced(deps, read, asOf);
  const answer = 'code' in priced ? priced : await raised(deps, priced, held);
  if ('code' in answer) {
    deps.giveBack(held);
    return answer;
  }
  return { outcome: 'admitted', call: answer };
}

async function repriced(
  deps: AdmissionDeps,
  read: Read,
  { epoch, now }: AsOf,
): Promise<Priced | Refused> {
  const reading = within(deps.prices.since(epoch), STORE_MS);
  const prices = await reading.catch(() => undefined);
  return prices === undefined ? refused('ledger_unavailable') : price(deps, read, { prices, now });
}

/** The request by other prices than its hold was computed by, which is raised if it has to be. */
async function raised(
  deps: AdmissionDeps,
  { call, start, full, slices: slicesNow }: Priced,
  { hold: held, slices: before }: AdmittedCall,
): Promise<AdmittedCall | Refused> {
  if (held >= full) return holding(call, held, undefined);
  const slices = start === 'full' ? undefined : slicesNow();
  const rungs: Rungs = slices === undefined ? [full] : firstRungs(slices);
  // A stream in slices goes on with what it has, if that is still enough to begin with.
  const growing = slices !== undefined && held >= (rungs.at(-1) ?? full);
  if (growing && before !== undefined) return holding(call, held, slices);
  const { requestId, caller } = call;
  // Whatever comes late: the whole hold is given back by then.
  const ask = async (toAmount: NanoUsd): Promise<ExtendOutcome> => {
    const { organizationId } = caller;
    const extension = deps.charging.extend({ organizationId, requestId, toAmount });
    const answer = await unlessSilent(extension, deps.charging.silent, () => {});
    return answer ?? { outcome: 'ledger_unavailable' };
  };
  const wanted = before === undefined ? full : rungs[0];
  const first = { amount: wanted, answer: await ask(wanted) };
  const { amount, answer } = growing ? first : await climbDown(first, rungs, held, ask);
  if (answer.outcome === 'held') return holding(call, amount, amount < full ? slices : undefined);
  if (growing && isTooMuch(answer)) return holding(call, held, slices);
  return refusedHold(answer, deps.billingUrl);
}
