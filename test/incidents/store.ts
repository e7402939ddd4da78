import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Stripe from 'stripe';
import { z } from 'zod';
import { openPool, type Pool } from '#db/pool';
import { type Product, startProduct } from '#test/product';
import { organization } from '../e2e/shapes.ts';
import { until } from '../e2e/until.ts';
import { signIn, type Visitor } from '../e2e/visitor.ts';

const purchaseShape = z.object({
  id: z.string().startsWith('pur_'),
  state: z.string(),
  redirect_url: z.nullable(z.string()),
  grant_id: z.nullable(z.string()),
  timeline: z.array(z.object({ state: z.string(), detail: z.nullable(z.string()) })),
});
export type BoughtPurchase = z.infer<typeof purchaseShape>;

const billing = z.object({
  grants: z.array(z.object({ id: z.string(), kind: z.string() })),
  webhooks_silent: z.boolean(),
});
const paid = z.object({ status: z.string(), payment_intent: z.nullable(z.string()) });
const payments = z.object({
  data: z.array(z.object({ status: z.string(), metadata: z.record(z.string(), z.string()) })),
});
const doctor = z.object({
  checks: z.array(z.object({ name: z.string(), ok: z.boolean(), detail: z.string() })),
});

/** How long a credit may take here before something is wrong: the machine may be very busy. */
const CREDIT_MS = 60_000;

/** A buyer with an organization of their own. */
export interface Buyer {
  readonly org: string;
  readonly visitor: Visitor;
  begin(usd: string, nonce?: string): Promise<BoughtPurchase>;
  purchase(id: string): Promise<BoughtPurchase>;
  /** What came of the organization's purchases, by kind of grant `purchase`. */
  grants(): Promise<number>;
  /** Whether the Billing page says that webhooks stay away. */
  silent(): Promise<boolean>;
  /** Waits until the purchase is credited. */
  credited(id: string): Promise<BoughtPurchase>;
  /** Payments of this organization, by the processor's own account. */
  charges(status?: string): Promise<number>;
}

/** A running product, its card processor, and what the outside world does to them. */
export interface Store {
  readonly product: Product;
  readonly stripe: Stripe;
  /** As the application; for moving rows into the past. */
  readonly pool: Pool;
  readonly secret: string;
  buyer(name: string): Promise<Buyer>;
  /** As a person on the payment page; answers the payment. */
  pay(purchase: BoughtPurchase, number?: string): Promise<string>;
  faults(faults: Readonly<Record<string, unknown>>): Promise<void>;
  /** The processor's events about this payment or page, as it would send them. */
  events(about: string, types: readonly string[]): Promise<readonly object[]>;
  /** Delivers to the product's own route; signed rightly unless told otherwise. */
  deliver(event: object, signed?: { key?: string; at?: number }): Promise<number>;
  check(name: string): Promise<{ ok: boolean; detail: string }>;
  close(): Promise<void>;
}

export async function openStore(): Promise<Store> {
  const product = await startProduct();
  const pool = openPool({ url: product.run.database_url, name: 'incidents', max: 2 });
  const sim = new URL(product.run.stripe_sim);
  const stripe = new Stripe('sk_test_simulated', {
    host: sim.hostname,
    port: sim.port,
    protocol: 'http',
    telemetry: false,
  });
  const secret = `whsec_${readFileSync(join(product.dataDir, 'webhook-secret'), 'utf8').trim()}`;
  const control = (method: string, path: string, body?: object) =>
    fetch(`${product.run.stripe_sim}/_sim/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });

  async function buyer(name: string): Promise<Buyer> {
    const owner = `${name}@example.com`;
    const { id: org } = await product.cli(
      organization,
      'org',
      'create',
      name,
      '--owner-email',
      owner,
    );
    const visitor = await signIn(product, owner);
    const purchase = (id: string) => visitor.get(purchaseShape, `/api/purchases/${id}`);
    let forms = 0;
    return {
      org,
      visitor,
      begin(usd, nonce) {
        forms += 1;
        const form = nonce ?? `form-${name}-${forms}`;
        return visitor.post(purchaseShape, '/api/purchases', { amount_usd: usd, nonce: form });
      },
      purchase,
      async grants() {
        const { grants } = await visitor.get(billing, '/api/billing');
        return grants.filter(({ kind }) => kind === 'purchase').length;
      },
      silent: async () => (await visitor.get(billing, '/api/billing')).webhooks_silent,
      credited: (id) =>
        until(`credit for ${id}`, CREDIT_MS, async () => {
          const now = await purchase(id);
          return now.state === 'credited' ? now : undefined;
        }),
      async charges(status = 'succeeded') {
        const { data } = payments.parse(await (await control('GET', 'payments')).json());
        return data.filter((row) => row.status === status && row.metadata.org_id === org).length;
      },
    };
  }

  return {
    ...{ product, stripe, pool, secret, buyer },
    async pay(purchase, number = '4242424242424242') {
      const session = /cs_\w+/.exec(purchase.redirect_url ?? '')?.[0];
      const answer = await control('POST', `pay/${session}`, { number });
      const { payment_intent } = paid.parse(await answer.json());
      if (payment_intent === null) throw new Error('the page made no payment');
      return payment_intent;
    },
    async faults(faults) {
      await (await control('PUT', 'faults', faults)).body?.cancel();
    },
    async events(about, types) {
      const found: object[] = [];
      for await (const event of stripe.events.list({ types: [...types], limit: 100 })) {
        if (JSON.stringify(event).includes(about)) found.push(event);
      }
      return found;
    },
    async deliver(event, { key = secret, at = Math.floor(Date.now() / 1_000) } = {}) {
      const body = JSON.stringify(event);
      const v1 = createHmac('sha256', key).update(`${at}.${body}`).digest('hex');
      const answer = await fetch(`${product.run.console}/webhooks/stripe`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'stripe-signature': `t=${at},v1=${v1}` },
        body,
      });
      await answer.body?.cancel();
      return answer.status;
    },
    async check(name) {
      const { stdout } = await product.tryCli('doctor');
      const found = doctor.parse(JSON.parse(stdout)).checks.find((check) => check.name === name);
      if (found === undefined) throw new Error(`doctor says nothing of "${name}"`);
      return found;
    },
    async close() {
      await pool.close();
      await product.stop();
    },
  };
}
