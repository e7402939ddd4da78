import { newId } from '#kernel/ids';
import { type NanoUsd, nanos, ZERO } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { issueGrant } from '#ledger/grants';
import type { PaymentsDeps } from '#payments/deps';
import { disputeNews } from '#payments/dispute';
import type { ProcessorDispute } from '#payments/dispute-port';
import type { CreditNoteOrder, DocumentPort, InvoiceOrder, Paper } from '#payments/document-port';
import type { MoneyBackPort } from '#payments/money-back';
import type { Changed } from '#payments/processor';
import type { ProcessorRefund } from '#payments/refund-port';
import { findPurchase, type Purchase } from '#payments/sql';
import { systemEntropy } from '#src/system';
import type { TestDatabase } from '#test/database';
import { chargingOn, hold, makePayer, type Payer, settle } from '#test/ledger-world';
import { paymentsWorld } from '#test/payments';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
export type FakeRefund = Writable<ProcessorRefund>;
export type FakeDispute = Writable<ProcessorDispute>;

/** What the next call that makes a refund meets. */
export type RefundFault =
  | { readonly fault: 'lost_answer' | 'never_arrives' | 'spent_key' }
  | { readonly fault: 'refuses'; readonly code: string };

/** A processor that only gives money back, with faults to order; what it did is the truth. */
export class BackOffice implements MoneyBackPort {
  readonly refunds: FakeRefund[] = [];
  readonly disputes: FakeDispute[] = [];
  readonly keys: string[] = [];
  faults: RefundFault[] = [];
  readonly papers = new PaperOffice();
  /** What a card's bank does with the refunds we ask for. */
  answers: ProcessorRefund['status'] = 'succeeded';
  down = false;
  private readonly byKey = new Map<string, FakeRefund | 'broken'>();
  private made = 0;

  async createRefund(
    order: Parameters<MoneyBackPort['createRefund']>[0],
  ): Promise<Changed<{ refund: ProcessorRefund }>> {
    this.keys.push(order.idempotencyKey);
    const fault = this.faults.shift();
    const unknown = { outcome: 'unknown', detail: 'no answer', replayed: false } as const;
    if (this.down || fault?.fault === 'never_arrives') return unknown;
    if (fault?.fault === 'refuses') return { outcome: 'refused', code: fault.code, detail: '' };
    if (fault?.fault === 'spent_key') this.byKey.set(order.idempotencyKey, 'broken');
    const earlier = this.byKey.get(order.idempotencyKey);
    if (earlier === 'broken') return { ...unknown, replayed: true };
    const refund =
      earlier ?? this.refund(order.paymentIntentId, order.amount ?? ZERO, this.answers);
    refund.refundId = order.refundId;
    refund.environment = order.environment;
    this.byKey.set(order.idempotencyKey, refund);
    return fault?.fault === 'lost_answer' ? unknown : { outcome: 'done', refund: { ...refund } };
  }

  async listRefunds(paymentIntentId: string) {
    if (this.down) return { outcome: 'unavailable', detail: 'down' } as const;
    const refunds = this.refunds.filter((r) => r.paymentIntentId === paymentIntentId);
    return { outcome: 'found', refunds: refunds.map((r) => ({ ...r })) } as const;
  }

  async retrieveDispute(id: string) {
    if (this.down) return { outcome: 'unavailable', detail: 'down' } as const;
    const dispute = this.disputes.find((d) => d.id === id);
    if (dispute === undefined) return { outcome: 'missing' } as const;
    return { outcome: 'found', dispute: { ...dispute } } as const;
  }

  async listDisputes(paymentIntentId: string) {
    if (this.down) return { outcome: 'unavailable', detail: 'down' } as const;
    const disputes = this.disputes.filter((d) => d.paymentIntentId === paymentIntentId);
    return { outcome: 'found', disputes: disputes.map((d) => ({ ...d })) } as const;
  }

  async retrieveWarning() {
    return { outcome: 'missing' } as const;
  }

  /** As somebody does in the processor's dashboard. */
  refund(
    paymentIntentId: string,
    amount: NanoUsd,
    status: ProcessorRefund['status'] = 'succeeded',
  ): FakeRefund {
    const refund: FakeRefund = {
      ...{ id: `re_${paymentIntentId}_${++this.made}`, status, paymentIntentId, amount },
      ...{ failureCode: null, refundId: null, environment: null },
    };
    this.refunds.push(refund);
    return refund;
  }

  dispute(paymentIntentId: string, amount: NanoUsd, status = 'needs_response'): FakeDispute {
    const dispute: FakeDispute = {
      ...{ id: `du_${paymentIntentId}_${++this.made}`, status, news: disputeNews(status) },
      ...{ paymentIntentId, reason: 'fraudulent', amount, fee: ZERO, respondBy: null },
    };
    this.disputes.push(dispute);
    return dispute;
  }

  decide(dispute: FakeDispute, status: string): void {
    dispute.status = status;
    dispute.news = disputeNews(status);
  }
}

/** The processor's papers: invoices by payment, credit notes by refund. */
export class PaperOffice implements DocumentPort {
  readonly invoices = new Map<string, Paper>();
  readonly notes = new Map<string, Paper>();
  /** What was made. */
  readonly calls: string[] = [];
  /** How often a draft was asked for. */
  asked = 0;
  /** Names of calls whose answer is lost, once each. */
  lost: string[] = [];
  /** Whose payments they are. */
  customerId: string | null = 'cus_1';
  private readonly drafts = new Set<string>();

  /** As a hosted page does by itself. */
  issue(paymentIntentId: string): Paper {
    const paper = paperOf(`in_${paymentIntentId}`, `INV-${this.invoices.size + 1}`);
    this.invoices.set(paymentIntentId, paper);
    return paper;
  }

  async papersOf(paymentIntentId: string) {
    const receipt = { receiptUrl: 'http://receipts.test/1', receiptNumber: '1000-0001' };
    const invoice = this.invoices.get(paymentIntentId) ?? null;
    const { customerId } = this;
    const papers = { invoice, ...receipt, customerId, descriptor: 'ACME* API CREDITS' };
    return { outcome: 'found', papers } as const;
  }

  async createInvoice(order: InvoiceOrder): Promise<Changed<{ invoiceId: string }>> {
    this.asked += 1;
    const invoiceId = `in_${order.paymentIntentId}`;
    if (!this.drafts.has(invoiceId)) this.calls.push('create');
    this.drafts.add(invoiceId);
    return this.answer('create', { invoiceId });
  }

  async completeInvoice(_id: string, order: InvoiceOrder): Promise<Changed<object>> {
    const answer = this.answer('complete', {});
    // This one is lost on the way there, not on the way back.
    if (answer.outcome === 'done' && !this.invoices.has(order.paymentIntentId)) {
      this.calls.push('complete');
      this.issue(order.paymentIntentId);
    }
    return answer;
  }

  async creditNoteOf(_invoiceId: string, refundId: string) {
    return { outcome: 'found', note: this.notes.get(refundId) ?? null } as const;
  }

  async createCreditNote(order: CreditNoteOrder): Promise<Changed<{ note: Paper }>> {
    const note = paperOf(`cn_${order.refundId}`, `CN-${this.notes.size + 1}`);
    this.notes.set(order.refundId, note);
    return this.answer('note', { note });
  }

  private answer<T extends object>(call: string, done: T): Changed<T> {
    const at = this.lost.indexOf(call);
    if (at === -1) return { outcome: 'done', ...done };
    this.lost.splice(at, 1);
    return { outcome: 'unknown', detail: 'no answer', replayed: false };
  }
}

const paperOf = (id: string, number: string): Paper => ({
  ...{ id, number, pdfUrl: `http://papers.test/${id}.pdf`, pageUrl: `http://papers.test/${id}` },
  taxLines: [],
});

export interface Credited {
  readonly payer: Payer;
  readonly purchase: Purchase;
  readonly payment: string;
}

export interface MoneyBackWorld {
  readonly db: TestDatabase;
  readonly deps: PaymentsDeps;
  readonly office: BackOffice;
  readonly told: string[];
  /** A purchase that became credit, without a processor having been asked. */
  credited(credit: NanoUsd, tax?: NanoUsd, payer?: Payer): Promise<Credited>;
  /** One settled request of this cost, or false if there is not enough. */
  spend(payer: Payer, cost: NanoUsd): Promise<boolean>;
  balance(payer: Payer): ReturnType<typeof readBalance>;
  /** What the ledger says the processor holds for us of this organization: money in less out. */
  held(payer: Payer): Promise<bigint>;
  close(): Promise<void>;
}

/** A database, charging, and a processor of which only the giving back is simulated. */
export async function moneyBackWorld(): Promise<MoneyBackWorld> {
  const base = await paymentsWorld();
  const { db } = base;
  const node = chargingOn(db.url);
  const office = new BackOffice();
  const told: string[] = [];
  const note = (_fields: unknown, message: string) => void told.push(message);
  const log = { info: note, warn: note, error: note };
  const deps = { ...base.deps, moneyBack: office, documents: office.papers, log };
  return {
    ...{ db, deps, office, told },
    async credited(credit, tax = ZERO, known) {
      const payer = known ?? (await makePayer(db.pool));
      const id = newId('purchase', systemEntropy);
      const grantId = newId('grant', systemEntropy);
      const payment = `pi_${id}`;
      await db.pool.transaction(async (tx) => {
        const { organizationId } = payer;
        await issueGrant(tx, {
          ...{ organizationId, grantId, kind: 'purchase', amount: credit, tax },
          ...{ source: payment, reference: id },
        });
        await tx.query({
          text: `INSERT INTO payments.purchases (organization_id, id, state, trigger, actor,
              credit_nanos, tax_nanos, provider, environment, session_expires_at, console_url,
              automatic_tax, payment_intent_id, grant_id, settled_via, settled_at)
            VALUES ($1, $2, 'credited', 'manual', 'user_test', $3, $4, 'stripe', 'test',
              bursar.now(), 'http://127.0.0.1:4000', false, $5, $6, 'poller', bursar.now())`,
          values: [organizationId, id, credit, tax, payment, grantId],
        });
      });
      const [purchase] = await db.pool.query<Purchase>(findPurchase(id, null));
      if (purchase === undefined) throw new Error('the purchase vanished');
      return { payer, purchase, payment };
    },
    async spend(payer, cost) {
      const held = await hold(node.charging, payer, cost);
      if (held.outcome !== 'held') return false;
      await settle(node.charging, payer, held.id, cost);
      return true;
    },
    balance: (payer) => readBalance(db.pool, payer.organizationId),
    async held(payer) {
      const [row] = await db.pool.query<{ held: string }>({
        text: `SELECT coalesce(sum(CASE WHEN from_account = 'processor_balance' THEN amount_nanos
            WHEN to_account = 'processor_balance' THEN -amount_nanos ELSE 0 END), 0)::text AS held
          FROM ledger.entries WHERE organization_id = $1`,
        values: [payer.organizationId],
      });
      return BigInt(row?.held ?? '0');
    },
    async close() {
      await node.close();
      await base.close();
    },
  };
}

export const cents = (count: number | bigint): NanoUsd => nanos(BigInt(count) * 10_000_000n);
