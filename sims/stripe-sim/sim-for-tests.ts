import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Stripe from 'stripe';
import { type StripeSim, type StripeSimOptions, startStripeSim } from './server.ts';

export interface SimForTests {
  sim: StripeSim;
  stripe: Stripe;
  /** Calls a control route and answers its JSON. */
  control(method: string, route: string, body?: object): Promise<Record<string, unknown>>;
}

export async function simForTests(options: Partial<StripeSimOptions> = {}): Promise<SimForTests> {
  const sim = await startStripeSim({ host: '127.0.0.1', port: 0, ...options });
  return {
    sim,
    stripe: stripeAt(sim.url),
    async control(method, route, body) {
      const response = await fetch(`${sim.url}/_sim/${route}`, {
        method,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return (await response.json()) as Record<string, unknown>;
    },
  };
}

export function stripeAt(url: string): Stripe {
  const { hostname, port } = new URL(url);
  return new Stripe('sk_test_x', {
    host: hostname,
    port: Number(port),
    protocol: 'http',
    telemetry: false,
    maxNetworkRetries: 0,
    timeout: 20_000,
  });
}

export function purchase(customer: string, unitAmount = 2500): Stripe.Checkout.SessionCreateParams {
  const metadata = { purpose: 'credit_topup', purchase_id: 'pur_1' };
  return {
    mode: 'payment',
    ui_mode: 'hosted_page',
    submit_type: 'pay',
    customer,
    client_reference_id: 'pur_1',
    line_items: [
      {
        quantity: 1,
        price_data: {
          currency: 'usd',
          unit_amount: unitAmount,
          tax_behavior: 'exclusive',
          product_data: { name: 'API credits' },
        },
      },
    ],
    automatic_tax: { enabled: true },
    customer_update: { address: 'auto', name: 'auto' },
    billing_address_collection: 'required',
    payment_intent_data: { metadata, statement_descriptor_suffix: 'API CREDITS' },
    metadata,
    success_url: 'http://127.0.0.1:9/return?cs={CHECKOUT_SESSION_ID}',
    cancel_url: 'http://127.0.0.1:9/return?canceled=1',
  };
}

export interface Received {
  body: string;
  signature: string;
}

/** A webhook receiver whose answers a test chooses. */
export async function receiver(answer: () => number = () => 200) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const signature = String(request.headers['stripe-signature']);
      received.push({ body: Buffer.concat(chunks).toString('utf8'), signature });
      response.writeHead(answer(), { location: 'http://127.0.0.1:9/' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
  return {
    url,
    received,
    types: () => received.map(({ body }) => String(JSON.parse(body).type)),
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

export async function until(
  holds: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error('waited too long');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
