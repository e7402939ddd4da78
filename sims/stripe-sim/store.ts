import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type Stripe from 'stripe';
import type { SessionDraft } from './checkout-sessions.ts';
import type { StoredCreditNote } from './credit-notes.ts';
import type { Delivery, FailingEndpoint } from './deliveries.ts';
import type { SavedAnswer } from './idempotency.ts';
import type { IdCount } from './ids.ts';
import type { StoredInvoiceItem } from './invoice-items.ts';
import type { StoredInvoice } from './invoice-object.ts';
import type { IssuedNumber } from './issued-numbers.ts';
import type { IssuerSide } from './issuer-side.ts';
import type { Hold } from './issuing-authorization-object.ts';
import type { OneTimeCode } from './one-time-codes.ts';
import type { CardBehind } from './payment-methods.ts';
import type { PayoutParts } from './payouts.ts';
import type { StoredPrice } from './prices.ts';
import type { Later } from './schedule.ts';
import type { Settings } from './settings.ts';
import type { CalculationLines, StoredCalculation } from './tax-calculations.ts';
import type { EndpointSecret } from './webhook-endpoints.ts';

interface Row {
  id: string;
}

/** Rows by id in order of creation. A changed row must be `put` again to be kept. */
export class Table<T extends Row> {
  readonly #rows = new Map<string, T>();
  readonly #onChange: (id: string, row: T | null) => void;

  constructor(onChange: (id: string, row: T | null) => void) {
    this.#onChange = onChange;
  }

  get(id: string): T | undefined {
    return this.#rows.get(id);
  }

  put(row: T): T {
    this.#rows.set(row.id, row);
    this.#onChange(row.id, row);
    return row;
  }

  remove(id: string): void {
    if (this.#rows.delete(id)) this.#onChange(id, null);
  }

  oldestFirst(): T[] {
    return [...this.#rows.values()];
  }

  newestFirst(): T[] {
    return this.oldestFirst().reverse();
  }

  restore(id: string, row: T | null): void {
    if (row === null) this.#rows.delete(id);
    else this.#rows.set(id, row);
  }

  clear(): void {
    this.#rows.clear();
  }
}

export interface Tables {
  customers: Table<Stripe.Customer>;
  deleted_customers: Table<Stripe.DeletedCustomer>;
  tax_ids: Table<Stripe.TaxId>;
  products: Table<Stripe.Product>;
  prices: Table<StoredPrice>;
  checkout_sessions: Table<Stripe.Checkout.Session>;
  session_drafts: Table<SessionDraft>;
  payment_intents: Table<Stripe.PaymentIntent>;
  payment_methods: Table<Stripe.PaymentMethod>;
  setup_intents: Table<Stripe.SetupIntent>;
  mandates: Table<Stripe.Mandate>;
  cards_behind: Table<CardBehind>;
  charges: Table<Stripe.Charge>;
  balance_transactions: Table<Stripe.BalanceTransaction>;
  refunds: Table<Stripe.Refund>;
  disputes: Table<Stripe.Dispute>;
  early_fraud_warnings: Table<Stripe.Radar.EarlyFraudWarning>;
  tax_calculations: Table<StoredCalculation>;
  calculation_lines: Table<CalculationLines>;
  tax_associations: Table<Stripe.Tax.Association>;
  tax_rates: Table<Stripe.TaxRate>;
  invoices: Table<StoredInvoice>;
  invoice_items: Table<StoredInvoiceItem>;
  invoice_payments: Table<Stripe.InvoicePayment>;
  credit_notes: Table<StoredCreditNote>;
  reviews: Table<Stripe.Review>;
  payouts: Table<Stripe.Payout>;
  payout_parts: Table<PayoutParts>;
  topups: Table<Stripe.Topup>;
  issuing_cardholders: Table<Stripe.Issuing.Cardholder>;
  issuing_cards: Table<Stripe.Issuing.Card>;
  issued_numbers: Table<IssuedNumber>;
  issuing_authorizations: Table<Stripe.Issuing.Authorization>;
  issuing_holds: Table<Hold>;
  issuer_sides: Table<IssuerSide>;
  one_time_codes: Table<OneTimeCode>;
  issuing_transactions: Table<Stripe.Issuing.Transaction>;
  events: Table<Stripe.EventBase>;
  webhook_endpoints: Table<Stripe.WebhookEndpoint>;
  endpoint_secrets: Table<EndpointSecret>;
  deliveries: Table<Delivery>;
  failing_endpoints: Table<FailingEndpoint>;
  test_clocks: Table<Stripe.TestHelpers.TestClock>;
  saved_answers: Table<SavedAnswer>;
  later: Table<Later>;
  settings: Table<Settings>;
  id_counts: Table<IdCount>;
}

export interface Store extends Tables {
  /** Writes all changes since the last call as one line: kept whole or not at all. */
  commit(): void;
  reset(): void;
}

const FILE_NAME = 'stripe-sim.jsonl';

type Change = [table: string, id: string, row: Row | null];

/** Without a directory the state lives in memory only. */
export function openStore(dataDir: string | undefined): Store {
  const changed = new Map<string, Change>();
  const made = new Map<string, Table<Row>>();
  const table = <T extends Row>(name: string): Table<T> => {
    const fresh = new Table<T>((id, row) => changed.set(`${name} ${id}`, [name, id, row]));
    made.set(name, fresh as unknown as Table<Row>);
    return fresh;
  };
  const tables: Tables = {
    customers: table('customers'),
    deleted_customers: table('deleted_customers'),
    tax_ids: table('tax_ids'),
    products: table('products'),
    prices: table('prices'),
    checkout_sessions: table('checkout_sessions'),
    session_drafts: table('session_drafts'),
    payment_intents: table('payment_intents'),
    payment_methods: table('payment_methods'),
    setup_intents: table('setup_intents'),
    mandates: table('mandates'),
    cards_behind: table('cards_behind'),
    charges: table('charges'),
    balance_transactions: table('balance_transactions'),
    refunds: table('refunds'),
    disputes: table('disputes'),
    early_fraud_warnings: table('early_fraud_warnings'),
    tax_calculations: table('tax_calculations'),
    calculation_lines: table('calculation_lines'),
    tax_associations: table('tax_associations'),
    tax_rates: table('tax_rates'),
    invoices: table('invoices'),
    invoice_items: table('invoice_items'),
    invoice_payments: table('invoice_payments'),
    credit_notes: table('credit_notes'),
    reviews: table('reviews'),
    payouts: table('payouts'),
    payout_parts: table('payout_parts'),
    topups: table('topups'),
    issuing_cardholders: table('issuing_cardholders'),
    issuing_cards: table('issuing_cards'),
    issued_numbers: table('issued_numbers'),
    issuing_authorizations: table('issuing_authorizations'),
    issuing_holds: table('issuing_holds'),
    issuer_sides: table('issuer_sides'),
    one_time_codes: table('one_time_codes'),
    issuing_transactions: table('issuing_transactions'),
    events: table('events'),
    webhook_endpoints: table('webhook_endpoints'),
    endpoint_secrets: table('endpoint_secrets'),
    deliveries: table('deliveries'),
    failing_endpoints: table('failing_endpoints'),
    test_clocks: table('test_clocks'),
    saved_answers: table('saved_answers'),
    later: table('later'),
    settings: table('settings'),
    id_counts: table('id_counts'),
  };
  const file = dataDir === undefined ? undefined : join(dataDir, FILE_NAME);
  if (dataDir !== undefined) mkdirSync(dataDir, { recursive: true });
  if (file !== undefined && existsSync(file)) {
    replay(readFileSync(file, 'utf8'), made);
    compact(file, made);
  }
  return {
    ...tables,
    commit() {
      if (changed.size === 0) return;
      const line = `${JSON.stringify([...changed.values()])}\n`;
      changed.clear();
      if (file !== undefined) appendFileSync(file, line, { mode: 0o600 });
    },
    reset() {
      for (const each of made.values()) each.clear();
      changed.clear();
      if (file !== undefined) writeFileSync(file, '', { mode: 0o600 });
    },
  };
}

/** A process killed in the middle of a write leaves half a line at the end; it never happened. */
function replay(text: string, tables: Map<string, Table<Row>>): void {
  for (const line of text.slice(0, text.lastIndexOf('\n') + 1).split('\n')) {
    if (line === '') continue;
    const changes = JSON.parse(line) as Change[];
    for (const [name, id, row] of changes) tables.get(name)?.restore(id, row);
  }
}

function compact(file: string, tables: Map<string, Table<Row>>): void {
  const lines = [...tables].flatMap(([name, each]) =>
    each.oldestFirst().map((row) => JSON.stringify([[name, row.id, row]])),
  );
  const whole = lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  writeFileSync(`${file}.new`, whole, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
