import { describe, expect, test } from 'vitest';
import { type LivePrices, pricesOf } from '#catalog/live';
import { quarantineBreaker } from '#gateway/breaker';
import { businessTime } from '#gateway/business-time';
import { LEAST_TOKENS, SLICE_TOKENS } from '#gateway/hold-rungs';
import { newId } from '#kernel/ids';
import { nanos } from '#kernel/money';
import type { HoldPolicy } from '#orgs/hold-policy';
import type { PriceBook } from '#pricing/book';
import { boundHold } from '#pricing/bound';
import { LIST_PRICES } from '#pricing/rate-tables';
import { coverOf, outputCovered, type Slices, slicesOf } from '#pricing/slice';
import { systemClock, systemEntropy } from '#src/system';
import { MemoryCharging, MODEL, question } from '#test/gateway-world';
import { row, testBook } from '#test/prices';
import { type AdmittedCall, admit } from './admit.ts';

const cheap = testBook('cheap', row(MODEL, '5', '25'));
const dear = testBook('dear', row(MODEL, '10', '50'));
const body = Buffer.from(JSON.stringify(question));
const at = new Date('2026-11-21T12:00:00Z');
const NONE = new Map();

/** A process that knows one book, on a store where another is in force by now. */
function world(
  known: PriceBook,
  inForce: PriceBook,
  balance = 5_000_000_000n,
  asking: { readonly body?: Buffer; readonly holdPolicy?: HoldPolicy } = {},
) {
  const charging = new MemoryCharging(balance);
  const now = new Date('2026-11-21T12:00:01Z');
  const place = charging.hold.bind(charging);
  charging.hold = async (command) => {
    const answer = await place(command);
    return 'asOf' in answer ? { ...answer, asOf: { epoch: 2n, now } } : answer;
  };
  const next = pricesOf(2n, inForce, NONE);
  const prices: LivePrices = {
    current: () => pricesOf(1n, known, NONE),
    since: async () => next,
    latest: async () => ({ prices: next, now }),
  };
  const back: AdmittedCall[] = [];
  const deps = {
    ...{ charging, prices, time: businessTime(), breaker: quarantineBreaker(systemClock) },
    carriedToolUses: 0,
    ...{ billingUrl: 'http://127.0.0.1/', giveBack: (call: AdmittedCall) => void back.push(call) },
  };
  const caller = {
    organizationId: newId('organization', systemEntropy),
    workspaceId: newId('workspace', systemEntropy),
    apiKeyId: newId('apiKey', systemEntropy),
    kind: 'workspace',
    holdPolicy: asking.holdPolicy ?? 'auto',
  } as const;
  const requestId = newId('request', systemEntropy);
  const headers = { 'anthropic-version': '2023-06-01' };
  return {
    charging,
    deps,
    back,
    now,
    asked: { caller, requestId, headers, body: asking.body ?? body, at },
    requestId,
  };
}
const boundOf = (book: PriceBook) => {
  const bound = boundHold(book, question, body.length, at);
  return bound.outcome === 'bounded' ? bound.amount : undefined;
};

test('F88: an admitted call has the prices and the time of its hold, and what is really held', async () => {
  for (const [known, inForce] of [
    [cheap, dear],
    [dear, cheap],
    [cheap, cheap],
  ] as const) {
    const { charging, deps, asked, requestId, now } = world(known, inForce);
    const admission = await admit(deps, asked);
    if (admission.outcome !== 'admitted') throw new Error('refused');
    const { hold, prices, at: admittedAt } = admission.call;
    expect(prices.book).toBe(inForce);
    expect(admittedAt).toBe(now);
    const most = known === cheap && inForce === cheap ? cheap : dear;
    expect(hold).toBe(boundOf(most));
    expect(charging.holds.get(requestId)).toBe(hold);
  }
});

test('F88: a store that falls silent between a hold and its extension: 503, and it goes back', async () => {
  const { charging, deps, asked, back, requestId } = world(cheap, dear);
  charging.extend = () => new Promise(() => {});
  expect(await admit(deps, asked)).toMatchObject({ code: 'ledger_unavailable' });
  expect(back.map((call) => call.requestId)).toEqual([requestId]);
});

test('who is refused for want of credit is told of, so that a reload can be asked for', async () => {
  const told: string[] = [];
  const onOutOfCredit = (organizationId: string) => void told.push(organizationId);
  const poor = world(cheap, cheap, 1_000n);
  await admit({ ...poor.deps, onOutOfCredit }, poor.asked);
  // Once by each book it was refused by.
  expect(new Set(told)).toEqual(new Set([poor.asked.caller.organizationId]));
  const before = told.length;
  const rich = world(cheap, cheap);
  await admit({ ...rich.deps, onOutOfCredit }, rich.asked);
  expect(told).toHaveLength(before);
});

test('a request that neither book lets through is asked for twice at most', async () => {
  const { charging, deps, asked } = world(cheap, dear, 1_000n);
  let holds = 0;
  const { hold } = charging;
  charging.hold = (command) => {
    holds += 1;
    return hold(command);
  };
  expect(await admit(deps, asked)).toMatchObject({
    code: 'insufficient_credit',
    details: { required_usd: expect.any(String) },
  });
  expect(holds).toBe(2);
});

test('a model refused after usage that could not be believed is refused by its new name too', async () => {
  const renamed = testBook('renamed', row('claude-next', '5', '25', { aliases: [MODEL] }));
  const { deps, asked, back } = world(cheap, renamed);
  for (let times = 0; times < 3; times++) deps.breaker.note('claude-next');
  expect(await admit(deps, asked)).toMatchObject({ code: 'upstream_usage_unreliable' });
  expect(back).toHaveLength(1);
});

test('business time is guessed by what was heard last; the time a hold takes is not a difference', () => {
  const time = businessTime();
  const local = new Date('2026-11-21T12:00:00Z');
  const after = (ms: number) => new Date(local.getTime() + ms);
  expect(time.guess(local)).toEqual(local);
  time.heard(local, after(900));
  expect(time.guess(local)).toEqual(local);
  time.heard(local, after(86_400_000));
  expect(time.guess(local)).toEqual(after(86_400_000));
  time.heard(local, after(86_400_500));
  expect(time.guess(local)).toEqual(after(86_400_000));
  time.heard(local, after(-5_000));
  expect(time.guess(local)).toEqual(after(-5_000));
});

describe('H5 and F88: a stream in slices, by prices that change between bound and hold', () => {
  const asks = { ...question, max_tokens: 30_000, stream: true, thinking: { type: 'disabled' } };
  const streaming = Buffer.from(JSON.stringify(asks));
  const slicesBy = (book: PriceBook): Slices => {
    const bytes = streaming.length;
    const bound = boundHold(book, asks, bytes, at);
    const full = bound.outcome === 'bounded' ? bound.amount : nanos(0n);
    const slices = slicesOf(book, asks, bytes, at, LIST_PRICES, 0, full);
    if (slices === undefined) throw new Error('no slices');
    return slices;
  };
  const admitted = async (known: PriceBook, inForce: PriceBook, balance: bigint) => {
    const { charging, deps, asked, back, requestId } = world(known, inForce, balance, {
      body: streaming,
    });
    const admission = await admit(deps, asked);
    const call = admission.outcome === 'admitted' ? admission.call : undefined;
    if (call !== undefined) expect(charging.holds.get(requestId)).toBe(call.hold);
    return { admission, call, back };
  };
  const [low, high] = [slicesBy(cheap), slicesBy(dear)];

  test('it goes on with the slice that it has, by the prices of its hold', async () => {
    const { call } = await admitted(cheap, dear, low.full - 1n);
    expect(call?.hold).toBe(coverOf(low, SLICE_TOKENS));
    expect(call?.slices).toEqual(high);
    expect(outputCovered(high, call?.hold ?? nanos(0n))).toBeGreaterThanOrEqual(LEAST_TOKENS);
  });

  test('a whole hold that the credit cannot raise becomes a slice', async () => {
    const { call } = await admitted(cheap, dear, low.full);
    expect([call?.hold, call?.slices]).toEqual([low.full, high]);
  });

  test('a slice that is a whole hold by lower prices is one', async () => {
    const small = { ...asks, max_tokens: 12_000 };
    const world9 = world(dear, cheap, 500_000_000n, { body: Buffer.from(JSON.stringify(small)) });
    const admission = await admit(world9.deps, world9.asked);
    expect(admission).toMatchObject({ outcome: 'admitted' });
    if (admission.outcome === 'admitted') expect(admission.call.slices).toBeUndefined();
  });

  test('a slice that is no longer enough is raised as far as the credit goes, or given back', async () => {
    const least = coverOf(low, LEAST_TOKENS);
    expect(coverOf(high, LEAST_TOKENS)).toBeGreaterThan(least);
    const refused = await admitted(cheap, dear, least);
    expect(refused.admission).toMatchObject({ code: 'insufficient_credit' });
    expect(refused.back).toHaveLength(1);
  });

  test('who wants whole holds has the whole one raised, or is refused', async () => {
    const { deps, asked, back } = world(cheap, dear, low.full, {
      body: streaming,
      holdPolicy: 'full',
    });
    expect(await admit(deps, asked)).toMatchObject({ code: 'insufficient_credit' });
    expect(back).toHaveLength(1);
  });
});
