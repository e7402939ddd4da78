import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { formatUsd, nanos } from '#kernel/money';
import {
  type GatewayRunFile,
  joinGateway,
  type Product,
  type Running,
  startProduct,
} from '#test/product';
import { type Account, ask, openAccount } from './account.ts';
import {
  balance,
  INPUT_NANOS,
  MODEL,
  OUT_OF_CREDIT,
  OUTPUT_NANOS,
  refusal,
  tooLow,
  usd,
  verdict,
} from './shapes.ts';
import { until } from './until.ts';

const REQUESTS = 1_000;
const PAID_FOR = 137n;
const MAX_TOKENS = 50;
const ATTEMPTS = 6;
const OPEN_MS = 8_000;
const body = JSON.stringify({
  model: MODEL,
  max_tokens: MAX_TOKENS,
  messages: [{ role: 'user', content: 'One of very many.' }],
});

let product: Product;
let second: Running<GatewayRunFile>;
let account: Account;

beforeAll(async () => {
  product = await startProduct();
  second = await joinGateway(product);
  account = await openAccount(product, 'Swarm');
});

afterAll(async () => {
  try {
    await second?.stop();
  } finally {
    await product?.stop();
  }
});

interface Counted {
  readonly status: number;
  readonly message: string;
  readonly costUsd: string | null;
}

/** On a machine too busy to decide in time the answer is 503: asked again then, as clients do. */
async function fire(gateway: string, scenario: string): Promise<Counted> {
  const headers = { 'x-sim-scenario': scenario };
  for (let attempt = 1; ; attempt += 1) {
    const answer = await ask(gateway, { apiKey: account.apiKey, body, headers });
    const text = await answer.text();
    if (answer.status === 503 && attempt < ATTEMPTS) {
      expect(answer.headers.get('x-should-retry')).toBe('true');
      await pause(Number(answer.headers.get('retry-after')) * 1_000);
      continue;
    }
    const message = answer.ok ? '' : refusal.parse(JSON.parse(text)).error.message;
    return { status: answer.status, message, costUsd: answer.headers.get('bursar-cost-usd') };
  }
}

/** Costs as the answers tell them; one whose settlement was journaled on a busy machine tells none. */
const costsOf = (answers: readonly Counted[]): Set<bigint> =>
  new Set(answers.flatMap(({ costUsd }) => (costUsd === null ? [] : [usd(costUsd)])));

/** The balance once everything that was answered is booked. */
const booked = () =>
  until('all bookings', 60_000, async () => {
    const now = await product.cli(balance, 'balance', '--org', account.org);
    return now.held_usd === '0' ? now : undefined;
  });

describe('credit for exactly N requests, two gateways, 1,000 requests at once', () => {
  let hold: bigint;

  test('without credit the refusal says what the request needs', async () => {
    const answer = await ask(second.run.gateway, { apiKey: account.apiKey, body });
    expect(answer.status).toBe(400);
    expect(answer.headers.get('x-should-retry')).toBe('false');
    const details = tooLow.parse(refusal.parse(await answer.json()).error.details);
    expect(details.available_usd).toBe('0');
    hold = usd(details.required_usd);
  });

  test('exactly N are admitted, the others are refused for credit, and 0 is left', async () => {
    // Usage that costs all that is held: no settlement gives back what would admit one more. The
    // dearest answer there can be is one that was served in the US, at 1.1 times the price.
    const us = { input: (INPUT_NANOS * 11n) / 10n, output: (OUTPUT_NANOS * 11n) / 10n };
    const rest = hold - BigInt(MAX_TOKENS) * us.output;
    expect(rest % us.input).toBe(0n);
    const tokens = `input_tokens=${rest / us.input};output_tokens=${MAX_TOKENS}`;
    const usage = `${tokens};inference_geo=us`;
    await account.give(formatUsd(nanos(hold * PAID_FOR)));

    const gateways = [product.run.gateway, second.run.gateway];
    const answers = await Promise.all(
      Array.from({ length: REQUESTS }, (_, turn) =>
        fire(gateways[turn % gateways.length] ?? product.run.gateway, `ok;${usage};first_ms=200`),
      ),
    );

    const admitted = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ status }) => status !== 200);
    expect(admitted).toHaveLength(Number(PAID_FOR));
    expect(new Set(refused.map(({ status, message }) => `${status} ${message}`))).toEqual(
      new Set([`400 ${OUT_OF_CREDIT}`]),
    );
    expect(costsOf(admitted)).toEqual(new Set([hold]));
    expect(await booked()).toMatchObject({ available_usd: '0', held_usd: '0', debt_usd: '0' });
  });

  test('while holds are open they count: nobody is admitted on money that is spoken for', async () => {
    const each = 20n;
    await account.give(formatUsd(nanos(hold * each)));
    const cheap = `ok;input_tokens=1;output_tokens=1;first_ms=${OPEN_MS}`;
    const started = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 100 }, async (_, turn) => {
        const gateway = turn % 2 === 0 ? product.run.gateway : second.run.gateway;
        const answer = await fire(gateway, cheap);
        return { ...answer, after: performance.now() - started };
      }),
    );
    const admitted = answers.filter(({ status }) => status === 200);
    // All was decided before the first hold was settled, or this would prove nothing.
    const decided = Math.max(
      ...answers.filter(({ status }) => status !== 200).map(({ after }) => after),
    );
    expect(decided).toBeLessThan(OPEN_MS);
    expect(admitted).toHaveLength(Number(each));
    const cost = INPUT_NANOS + OUTPUT_NANOS;
    expect(costsOf(admitted)).toEqual(new Set([cost]));
    const after = await booked();
    expect(usd(after.available_usd)).toBe(hold * each - each * cost);
    expect(after.held_usd).toBe('0');
  });

  test('every rule of the books holds afterwards', async () => {
    const books = await product.cli(verdict, 'ledger', 'verify');
    expect(books.checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(books.ok).toBe(true);
    expect(books.entries).toBeGreaterThan(0);
  });
});
