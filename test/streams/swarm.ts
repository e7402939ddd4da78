import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { Product } from '#test/product';
import { type Chance, chanceOf } from '../chaos/chance.ts';
import { type Account, openAccount } from '../e2e/account.ts';
import { usd, verdict } from '../e2e/shapes.ts';
import { type Wish, wishFrom } from './endings.ts';
import { type ModelCall, type Oracle, oracleOf } from './oracle.ts';
import { openStream } from './stream.ts';

const CREDIT = '1000';
/**
 * A wave of at most that many for each node, and none before the model is done with the last: a
 * node reads on for 64 clients that have left, and estimates what it cannot read (S11).
 */
const AT_ONCE_PER_NODE = 50;
const WAVE_MS = 60_000;

const taken = z.object({
  open: z.int(),
  data: z.array(
    z.object({
      path: z.string(),
      aborted: z.boolean(),
      headers: z.looseObject({ 'x-sim-scenario': z.string(), 'x-payer': z.string() }),
    }),
  ),
});

export interface Swarm {
  /** Opens that many streams and cuts them; answers when the model is done with all of them. */
  run(count: number): Promise<void>;
  /** Waits until nothing is held, and compares what was paid with what the model delivered. */
  settle(): Promise<Result>;
  close(): void;
}

export interface Result {
  readonly opened: number;
  readonly cut: number;
  readonly refused: number;
  readonly calls: number;
  /** By account, in nano-USD: what the oracle says, and what the ledger took. */
  readonly expected: readonly bigint[];
  readonly charged: readonly bigint[];
  /** Checks of the books that did not hold. */
  readonly broken: readonly string[];
}

interface Tally {
  opened: number;
  cut: number;
  refused: number;
  calls: number;
  readonly expected: bigint[];
}

/** Opens an account for each payer; as many as keep below the requests a minute of one of them. */
export async function startSwarm(
  product: Product,
  gateways: readonly string[],
  { seed, payers }: { readonly seed: number; readonly payers: number },
): Promise<Swarm> {
  const chance = chanceOf(seed);
  const agent = new Agent({ keepAlive: true });
  const oracle = await oracleOf(product);
  const accounts: Account[] = [];
  for (let payer = 0; payer < payers; payer += 1) {
    const account = await openAccount(product, `Payer${payer}`);
    await account.give(CREDIT);
    accounts.push(account);
  }
  const tally: Tally = {
    ...{ opened: 0, cut: 0, refused: 0, calls: 0 },
    expected: accounts.map(() => 0n),
  };
  const one = (wish: Assigned) => openOne(agent, gateways, accounts, wish, tally);

  return {
    async run(count) {
      const size = AT_ONCE_PER_NODE * gateways.length;
      for (let left = count; left > 0; left -= size) {
        const wishes = wave(chance, Math.min(size, left), payers, gateways.length);
        await Promise.all(wishes.map(one));
        await collected(product, oracle, tally);
      }
    },
    async settle() {
      const rested = await Promise.all(accounts.map((account) => account.rested()));
      await collected(product, oracle, tally);
      const charged = rested.map((available) => usd(CREDIT) - available);
      const books = await product.cli(verdict, 'ledger', 'verify');
      const failed = books.checks.filter(({ ok }) => !ok);
      const broken = failed.map(({ name, violations }) => `${name}: ${violations.join(', ')}`);
      return { ...tally, charged, broken };
    },
    close: () => agent.destroy(),
  };
}

/** A stream and the node that is asked for it. */
type Assigned = Wish & { readonly node: number };

/** As many for each node: a wave must not be more than one of them reads on for. */
const wave = (chance: Chance, size: number, payers: number, nodes: number): Assigned[] =>
  Array.from({ length: size }, (_, index) => ({
    ...wishFrom(chance, payers),
    node: index % nodes,
  }));

async function openOne(
  agent: Agent,
  gateways: readonly string[],
  accounts: readonly Account[],
  wish: Assigned,
  tally: Tally,
): Promise<void> {
  const [gateway, account] = [gateways[wish.node], accounts[wish.payer]];
  if (gateway === undefined || account === undefined) throw new Error('no such node or payer');
  const opened = await openStream(agent, gateway, account.apiKey, wish);
  tally.opened += 1;
  if (opened.how === 'gone' || !opened.whole) tally.cut += 1;
  // A node too busy to decide in time says so, and nothing is charged.
  if (opened.how === 'answered' && opened.status !== 200) tally.refused += 1;
}

/** Takes what the model is done with into the account, until it is done with everything. */
async function collected(product: Product, oracle: Oracle, tally: Tally): Promise<void> {
  const deadline = performance.now() + WAVE_MS;
  for (;;) {
    const answer = await fetch(`${product.run.model_sim}/_sim/calls?over=true`, {
      method: 'DELETE',
    });
    const { data, open } = taken.parse(await answer.json());
    for (const { headers, aborted } of data) {
      const payer = Number(headers['x-payer']);
      const call: ModelCall = { scenario: headers['x-sim-scenario'], payer, aborted };
      tally.calls += 1;
      tally.expected[payer] = (tally.expected[payer] ?? 0n) + oracle(call);
    }
    if (open === 0) return;
    if (performance.now() > deadline) throw new Error(`the model is not done with ${open} calls`);
    await pause(20);
  }
}
