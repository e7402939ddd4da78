import type { IncomingHttpHeaders } from 'node:http';
import type { Charging } from '#charging/charging';
import type { HoldOutcome, LimitReached } from '#charging/commands';
import type { Caller } from '#gateway/auth';
import type { QuarantineBreaker } from '#gateway/breaker';
import { REFUSALS, type RefusalCode } from '#http/wire-errors';
import type { RequestId } from '#kernel/ids';
import { formatUsd, type NanoUsd } from '#kernel/money';
import { parseStrict } from '#metering/strict-json';
import type { PriceBook } from '#pricing/book';
import { boundHold } from '#pricing/bound';

/** A request with a committed hold: from here on it is either settled or voided. */
export interface AdmittedCall {
  readonly caller: Caller;
  readonly requestId: RequestId;
  /** The model asked for; which one served is for the answer to say. */
  readonly model: string;
  readonly hold: NanoUsd;
  /** The most output tokens the request allows one turn, fallbacks included. */
  readonly outputTokensMax: number;
  /** Time of admission, by which the whole request is priced. */
  readonly at: Date;
  readonly body: Buffer;
}

export interface Refused {
  readonly outcome: 'refused';
  readonly code: RefusalCode;
  readonly message?: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export type Admission = { readonly outcome: 'admitted'; readonly call: AdmittedCall } | Refused;

export interface AdmissionDeps {
  readonly charging: Charging;
  readonly book: PriceBook;
  readonly breaker: QuarantineBreaker;
  readonly billingUrl: string;
  /** Told of a hold that was committed after its request had been answered with a refusal. */
  readonly onLateHold: (call: AdmittedCall) => void;
}

export interface Asked {
  readonly caller: Caller;
  readonly requestId: RequestId;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly at: Date;
}

const VERSIONS: ReadonlySet<string> = new Set(['2023-06-01', '2026-10-21']);
// A store that cannot be reached has to be an answer within a second.
const HOLD_MS = 900;
// A busy store is waited for, ten seconds at most.
const LOOK_AGAIN_MS = 50;
const BUSY_LOOKS = 180;

const refused = (code: RefusalCode, message?: string): Refused => ({
  outcome: 'refused',
  code,
  ...(message === undefined ? {} : { message }),
});

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
  const bound = boundHold(deps.book, parsed.value, asked.body.length, asked.at);
  switch (bound.outcome) {
    case 'bounded':
      break;
    case 'model_not_priced':
      return refused('model_not_priced', `model: ${bound.model}`);
    case 'tool_cost_unbounded':
      return refused('tool_cost_unbounded', `${bound.tool}: max_uses is required`);
    case 'invalid_request':
      return refused('invalid_request', bound.message);
  }
  if (deps.breaker.open(bound.model)) return refused('upstream_usage_unreliable');
  const { caller, requestId, at, body } = asked;
  const call: AdmittedCall = {
    caller,
    requestId,
    model: bound.model,
    hold: bound.amount,
    outputTokensMax: bound.outputTokensMax,
    at,
    body,
  };
  return admission(deps, call, await holdInTime(deps, call));
}

function admission(deps: AdmissionDeps, call: AdmittedCall, held: HoldOutcome): Admission {
  switch (held.outcome) {
    case 'held':
      return { outcome: 'admitted', call };
    case 'insufficient_credit':
    case 'in_debt':
      return {
        outcome: 'refused',
        code: held.outcome,
        details: {
          available_usd: formatUsd(held.available),
          required_usd: formatUsd(held.required),
          billing_url: deps.billingUrl,
        },
      };
    case 'limit_reached':
      return limitReached(deps, held);
    case 'already_resolved':
      // Request ids are made here and never reused.
      return refused('internal');
    default:
      return refused(held.outcome);
  }
}

/** The literal text of the public API, which says when the month of the limit is over. */
function limitReached(deps: AdmissionDeps, held: LimitReached): Refused {
  const code = `${held.level}_limit_reached` as const;
  const day = held.liftsAt.toISOString().slice(0, 10);
  const back = `You will regain access on ${day} at 00:00 UTC.`;
  const details = { level: held.level, subject_id: held.subjectId, billing_url: deps.billingUrl };
  return { outcome: 'refused', code, message: `${REFUSALS[code].message} ${back}`, details };
}

/**
 * The hold, or `ledger_unavailable` within a second of a store that is silent. On a machine that is
 * merely busy it waits on. A hold that comes after its refusal is given back.
 */
function holdInTime(deps: AdmissionDeps, call: AdmittedCall): Promise<HoldOutcome> {
  return new Promise((resolve, reject) => {
    let late = false;
    let patience = BUSY_LOOKS;
    let timer = setTimeout(look, HOLD_MS);
    function look(): void {
      if (!deps.charging.silent() && patience > 0) {
        patience -= 1;
        timer = setTimeout(look, LOOK_AGAIN_MS);
        return;
      }
      late = true;
      resolve({ outcome: 'ledger_unavailable' });
    }
    const { caller, requestId, hold: amount } = call;
    const { organizationId, apiKeyId, workspaceId } = caller;
    deps.charging.hold({ organizationId, requestId, apiKeyId, workspaceId, amount }).then(
      (outcome) => {
        clearTimeout(timer);
        if (!late) resolve(outcome);
        else if (outcome.outcome === 'held') deps.onLateHold(call);
      },
      (error: unknown) => {
        clearTimeout(timer);
        if (!late) reject(error);
      },
    );
  });
}
