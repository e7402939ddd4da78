import Stripe from 'stripe';
import { type Charging, openCharging } from '#charging/charging';
import { openLanes } from '#charging/lanes';
import { openPool, type Pool } from '#db/pool';
import { newId, type RequestId } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import { issueGrant } from '#ledger/grants';
import { CURRENT_CONSENT } from '#payments/card-consent';
import { beginSetup, refreshSetup } from '#payments/card-setups';
import type { PaymentsDeps } from '#payments/deps';
import { stripePorts } from '#payments/stripe-ports';
import { startStripeSim } from '#sims/stripe-sim/server';
import { systemClock, systemEntropy } from '#src/system';
import { makePayer, newRequest, type Payer, recordOf } from '#test/ledger-world';

/** A migrated database, as the application and as its owner. */
export interface Access {
  readonly url: string;
  readonly ownerUrl: string;
}

export const VISA = '4242424242424242';
export const NO_FUNDS_LATER = '4000000000000341';

/** A process that takes credit and reloads. */
export interface Node {
  readonly name: string;
  readonly charging: Charging;
  readonly deps: PaymentsDeps;
}

export interface ReloadsWorld {
  readonly nodes: readonly [Node, Node];
  /** For what nobody of the product does: looking, and moving the clock. */
  readonly owner: Pool;
  payer(): Promise<Payer>;
  give(payer: Payer, amount: NanoUsd): Promise<void>;
  /** Saves a card as a person on the hosted page would. */
  save(payer: Payer, number: string): Promise<void>;
  /** Undefined where credit does not cover it. */
  hold(node: Node, payer: Payer, amount: NanoUsd): Promise<RequestId | undefined>;
  /** False where it was refused, as without a hold. */
  settle(node: Node, payer: Payer, id: RequestId | undefined, cost: NanoUsd): Promise<boolean>;
  /** What cards were charged for an organization, by the processor's own list, in cents. */
  charged(payer: Payer): Promise<bigint[]>;
  advance(interval: string): Promise<void>;
  faults(faults: Record<string, unknown>): Promise<void>;
  close(): Promise<void>;
}

const SECRET_KEY = 'sk_test_bursar';
const CONNECTIONS = 20;
const CONNECT_MS = 60_000;

/** Two processes on one database, and a processor that keeps its word. */
export async function openReloads(access: Access): Promise<ReloadsWorld> {
  const sim = await startStripeSim({ host: '127.0.0.1', port: 0 });
  const owner = openPool({ url: access.ownerUrl, name: 'owner', max: 4 });
  await owner.query({ text: 'UPDATE bursar.deployment SET simulated = true' });
  const first = openNode('a', access.url, sim.url);
  const second = openNode('b', access.url, sim.url);
  let forms = 0;
  const { hostname: host, port } = new URL(sim.url);
  const stripe = new Stripe(SECRET_KEY, { host, port, protocol: 'http', telemetry: false });
  const tell = async (method: string, path: string, body: unknown): Promise<void> => {
    const answer = await fetch(`${sim.url}/_sim/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`simulator: ${await answer.text()}`);
  };
  return {
    nodes: [first.node, second.node],
    owner,
    payer: () => makePayer(owner),
    async give({ organizationId }, amount) {
      const grantId = newId('grant', systemEntropy);
      const terms = {
        organizationId,
        grantId,
        amount,
        kind: 'adjustment',
        source: grantId,
      } as const;
      await owner.transaction((tx) => issueGrant(tx, terms));
    },
    async save({ organizationId }, number) {
      const { deps } = first.node;
      const begun = await beginSetup(deps, {
        ...{ organizationId, actor: 'user_ada', ip: '203.0.113.7' },
        consentVersion: CURRENT_CONSENT.version,
        nonce: `form-${forms++}-of-${organizationId}`.slice(0, 60),
      });
      if (begun.outcome !== 'opened') throw new Error(begun.outcome);
      await tell('POST', `pay/${begun.setup.sessionId}`, { number, three_ds: 'pass' });
      await refreshSetup(deps, begun.setup);
    },
    hold: (node, payer, amount) => hold(node.charging, payer, amount),
    settle: (node, payer, id, cost) => settle(node.charging, payer, id, cost),
    async charged({ organizationId }) {
      const list = await stripe.paymentIntents.list({ limit: 100 });
      return list.data
        .filter(({ metadata }) => metadata.org_id === organizationId)
        .filter(({ status }) => status === 'succeeded')
        .map(({ amount }) => BigInt(amount));
    },
    async advance(interval) {
      await owner.query({
        text: 'SELECT bursar.advance_clock($1::interval)',
        values: [interval],
      });
    },
    faults: (faults) => tell('PUT', 'faults', faults),
    async close() {
      await first.close();
      await second.close();
      await sim.close();
      await owner.close();
    },
  };
}

function openNode(name: string, url: string, simUrl: string) {
  const pool = openPool({ url, name, max: CONNECTIONS, connectTimeoutMs: CONNECT_MS });
  const lanes = openLanes(url);
  const charging = openCharging(lanes);
  const deps: PaymentsDeps = {
    ...stripePorts({ secretKey: SECRET_KEY, apiUrl: simUrl }),
    pool,
    clock: systemClock,
    entropy: systemEntropy,
    urls: { console: 'http://127.0.0.1:4000' },
    environment: 'test',
  };
  return {
    node: { name, charging, deps },
    async close() {
      await charging.close();
      await lanes.close();
      await pool.close();
    },
  };
}

async function hold(
  charging: Charging,
  payer: Payer,
  amount: NanoUsd,
): Promise<RequestId | undefined> {
  const requestId = newRequest();
  const held = await charging.hold({ ...payer, requestId, amount });
  return held.outcome === 'held' ? requestId : undefined;
}

async function settle(
  charging: Charging,
  payer: Payer,
  requestId: RequestId | undefined,
  cost: NanoUsd,
): Promise<boolean> {
  if (requestId === undefined) return false;
  const { organizationId } = payer;
  const record = recordOf(payer);
  const settled = await charging.settle({
    ...{ organizationId, requestId, record },
    ...{ resolution: 'settle', cost },
  });
  return settled.outcome === 'settled';
}
