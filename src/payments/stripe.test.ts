import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { enterTransaction } from '#db/transaction';
import { fromCents, nanos } from '#kernel/money';
import type { CheckoutRequest } from '#payments/processor';
import { SWEPT_EVENTS, SWEPT_TYPES_MOST, stripeProcessor } from '#payments/stripe';

interface Seen {
  readonly headers: IncomingMessage['headers'];
  readonly params: URLSearchParams;
}

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A server that answers every call the same way, and what it was asked. */
async function answering(answer: (response: ServerResponse) => void) {
  const seen: Seen[] = [];
  const listening = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      seen.push({ headers: request.headers, params: new URLSearchParams(body) });
      answer(response);
    });
  });
  server = listening;
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
  const { port } = listening.address() as AddressInfo;
  const processor = stripeProcessor({
    secretKey: 'sk_test_unit',
    apiUrl: `http://127.0.0.1:${port}`,
  });
  return { processor, seen };
}

const json = (status: number, body: unknown) => (response: ServerResponse) => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
};
const error = (status: number, fields: Record<string, string>) =>
  json(status, { error: { message: 'no', ...fields } });

it('the sweep names fewer types of events than the processor takes: another one has room', () => {
  expect(new Set(SWEPT_EVENTS).size).toBe(SWEPT_EVENTS.length);
  expect(SWEPT_EVENTS.length).toBeLessThan(SWEPT_TYPES_MOST);
});

const request: CheckoutRequest = {
  purchaseId: 'pur_1',
  organizationId: 'org_1',
  environment: 'test',
  customerId: 'cus_1',
  credit: fromCents(2_500n),
  automaticTax: false,
  expiresAt: new Date('2026-11-20T12:31:00Z'),
  returnUrl: 'http://127.0.0.1:4000/return?cs={CHECKOUT_SESSION_ID}',
  cancelUrl: 'http://127.0.0.1:4000/return?canceled=1',
  idempotencyKey: 'test:pur_1:session:1',
};

const page = {
  id: 'cs_1',
  object: 'checkout.session',
  url: 'http://127.0.0.1/c/pay/cs_1',
  status: 'open',
  payment_status: 'unpaid',
  currency: 'usd',
  amount_subtotal: 2500,
  amount_total: 2500,
  payment_intent: null,
};

describe('opening a page at the processor', () => {
  it('carries our key, our tags on page and payment, and no telemetry', async () => {
    const { processor, seen } = await answering(json(200, page));
    const answer = await processor.createCheckout(request);
    expect(answer).toMatchObject({ outcome: 'done', checkout: { id: 'cs_1', status: 'open' } });
    await processor.createCheckout(request);
    const [first, second] = seen;
    expect(first?.headers['idempotency-key']).toBe('test:pur_1:session:1');
    expect(second?.headers['x-stripe-client-telemetry']).toBeUndefined();
    const params = Object.fromEntries(first?.params ?? []);
    expect(params).toMatchObject({
      mode: 'payment',
      ui_mode: 'hosted_page',
      'line_items[0][price_data][unit_amount]': '2500',
      'line_items[0][price_data][tax_behavior]': 'exclusive',
      'allowed_payment_method_types[0]': 'card',
      'metadata[purpose]': 'credit_topup',
      'metadata[purchase_id]': 'pur_1',
      'payment_intent_data[metadata][purpose]': 'credit_topup',
      'payment_intent_data[metadata][org_id]': 'org_1',
      'payment_intent_data[metadata][env]': 'test',
      allow_promotion_codes: 'false',
    });
    expect(Object.keys(params).some((name) => name.startsWith('automatic_tax'))).toBe(false);
    expect([...(first?.params ?? [])]).toEqual([...(second?.params ?? [])]);
  });

  it('asks for tax only where the deployment wants it', async () => {
    const { processor, seen } = await answering(json(200, page));
    await processor.createCheckout({ ...request, automaticTax: true });
    expect(Object.fromEntries(seen[0]?.params ?? [])).toMatchObject({
      'automatic_tax[enabled]': 'true',
      'customer_update[address]': 'auto',
    });
  });

  it('does not let the page replace an address by which a total was told', async () => {
    const { processor, seen } = await answering(json(200, page));
    await processor.createCheckout({ ...request, automaticTax: true, addressOnFile: true });
    const params = Object.fromEntries(seen[0]?.params ?? []);
    expect(params['automatic_tax[enabled]']).toBe('true');
    expect(params['customer_update[address]']).toBeUndefined();
    expect(params['tax_id_collection[enabled]']).toBeUndefined();
  });

  it('has the card kept only where the customer agreed to it', async () => {
    const { processor, seen } = await answering(json(200, page));
    await processor.createCheckout({ ...request, savesCard: true });
    await processor.createCheckout({ ...request, savesCard: false });
    await processor.createCheckout(request);
    const usage = seen.map(
      ({ params }) => Object.fromEntries(params)['payment_intent_data[setup_future_usage]'],
    );
    expect(usage).toEqual(['off_session', undefined, undefined]);
  });

  it('never sends an amount that is not whole cents', async () => {
    const { processor, seen } = await answering(json(200, page));
    await expect(
      processor.createCheckout({ ...request, credit: nanos(5_000_000_001n) }),
    ).rejects.toThrow('chargeable');
    expect(seen).toHaveLength(0);
  });

  it.each([
    ['a refusal of the request', error(400, { type: 'invalid_request_error', code: 'x' }), 'x'],
    ['a wrong key of ours', error(401, { type: 'invalid_request_error' }), 'authentication_error'],
    ['a key that may not', error(403, { type: 'invalid_request_error' }), 'permission_error'],
    [
      'a refused card',
      error(402, { type: 'card_error', code: 'card_declined', decline_code: 'lost_card' }),
      'lost_card',
    ],
  ])('takes %s as final', async (_name, answer, code) => {
    const { processor } = await answering(answer);
    expect(await processor.createCheckout(request)).toMatchObject({ outcome: 'refused', code });
  });

  it.each([
    ['too many requests', error(429, { type: 'invalid_request_error', code: 'rate_limit' })],
    ['an error of theirs', error(500, { type: 'api_error' })],
    ['a page instead of an answer', (response: ServerResponse) => response.end('<html>')],
    [
      'half an answer',
      (response: ServerResponse) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '500' });
        response.write('{"id":"cs_1"');
        setTimeout(() => response.destroy(), 20);
      },
    ],
    ['a connection that breaks', (response: ServerResponse) => response.destroy()],
  ])('takes %s as unknown, never as failed (F62)', async (_name, answer) => {
    const { processor } = await answering(answer);
    expect(await processor.createCheckout(request)).toMatchObject({ outcome: 'unknown' });
  });

  it('is refused inside a database transaction, as is every other call', async () => {
    const { processor, seen } = await answering(json(200, page));
    await expect(enterTransaction(() => processor.createCheckout(request))).rejects.toThrow(
      'inside a database transaction',
    );
    await expect(enterTransaction(() => processor.retrievePayment('pi_1'))).rejects.toThrow(
      'inside a database transaction',
    );
    expect(seen).toHaveLength(0);
  });
});

describe('reading from the processor', () => {
  it('never reads an amount of another currency as dollars (F64)', async () => {
    const { processor } = await answering(
      json(200, {
        id: 'pi_1',
        status: 'succeeded',
        livemode: false,
        currency: 'jpy',
        amount_received: 2500,
        customer: 'cus_1',
        metadata: {},
      }),
    );
    expect(await processor.retrievePayment('pi_1')).toMatchObject({
      outcome: 'found',
      payment: { received: undefined, receivedMinorUnits: 2500n, currency: 'jpy' },
    });
  });

  it('tells "there is none" from "nobody answered"', async () => {
    const none = await answering(
      error(404, { type: 'invalid_request_error', code: 'resource_missing' }),
    );
    expect(await none.processor.retrievePayment('pi_1')).toEqual({ outcome: 'missing' });
    server?.close();
    const down = await answering(error(503, { type: 'api_error' }));
    expect(await down.processor.retrievePayment('pi_1')).toMatchObject({ outcome: 'unavailable' });
  });
});
