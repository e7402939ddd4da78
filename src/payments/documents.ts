import type { Db } from '#db/pool';
import type { PaymentsDeps } from '#payments/deps';
import type { InvoiceOrder } from '#payments/document-port';
import * as sql from '#payments/documents-sql';
import { findCustomer } from '#payments/opening';
import { type Refund, readRefund } from '#payments/refunds';
import { findPurchase, type Purchase } from '#payments/sql';

/**
 * A hosted page makes its invoice by itself, moments after the payment. One that has none after
 * this many tries (over an hour) was opened before pages did: its receipt is all there is.
 */
const TRIES_FOR_INVOICE = 40;
/** A refund whose invoice is missing for so long will have no credit note. */
const TRIES_FOR_NOTE = 60;
const DOCUMENTS_AT_ONCE = 5;

/** In the transaction of the credit or the refund, which it can never fail or delay. */
export const wantInvoice = (
  tx: Db,
  purchase: Pick<Purchase, 'organizationId' | 'id' | 'environment'>,
): Promise<unknown> => {
  const { organizationId, id, environment } = purchase;
  const wanted = { organizationId, subject: id, kind: 'invoice' as const, purchaseId: id };
  return tx.query(sql.wantDocument({ ...wanted, environment }));
};

/** In the transaction in which a refund is known to be paid. */
export const wantCreditNote = (tx: Db, refund: Refund): Promise<unknown> => {
  const { organizationId, id, purchaseId, environment } = refund;
  const wanted = { organizationId, subject: id, kind: 'credit_note' as const, purchaseId };
  return tx.query(sql.wantDocument({ ...wanted, environment }));
};

/** Works the documents that are due. The processor being away costs a try, nothing else. */
export async function prepareDocuments(deps: PaymentsDeps): Promise<void> {
  const due = await deps.pool.query<sql.DocumentRow>(
    sql.takeDueDocuments(deps.environment, DOCUMENTS_AT_ONCE),
  );
  for (const document of due) {
    if (document.kind === 'invoice') await prepareInvoice(deps, document);
    else await prepareCreditNote(deps, document);
  }
}

async function prepareInvoice(deps: PaymentsDeps, document: sql.DocumentRow): Promise<void> {
  const { pool } = deps;
  const [purchase] = await pool.query<Purchase>(
    findPurchase(document.purchaseId, document.organizationId),
  );
  const payment = purchase?.paymentIntentId ?? null;
  if (purchase === undefined || payment === null) return;
  const read = await deps.documents.papersOf(payment);
  if (read.outcome !== 'found') return;
  const { invoice, customerId, ...receipt } = read.papers;
  if (invoice !== null && invoice.number !== null) {
    await pool.query(sql.storePaper(document, invoice, receipt));
    return;
  }
  await pool.query(sql.storeReceipt(document, receipt));
  if (purchase.sessionId !== null) {
    const late = document.tries >= TRIES_FOR_INVOICE;
    if (late) await pool.query(sql.storePaper(document, null, receipt));
    return;
  }
  // Credited by an operator, it may have been paid as somebody else: its receipt is all there is.
  const ours = await findCustomer(deps, purchase.organizationId);
  if (ours === null || ours !== customerId) {
    await pool.query(sql.storePaper(document, null, receipt));
    return;
  }
  const order: InvoiceOrder = {
    ...{ purchaseId: purchase.id, organizationId: purchase.organizationId, customerId: ours },
    ...{ environment: deps.environment, paymentIntentId: payment },
    ...{ credit: purchase.credit, tax: purchase.tax },
  };
  await makeInvoice(deps, document, order, receipt);
}

/** No page made one, because nobody was on a page: the payment gets its invoice afterwards. */
async function makeInvoice(
  deps: PaymentsDeps,
  document: sql.DocumentRow,
  order: InvoiceOrder,
  receipt: sql.Receipt,
): Promise<void> {
  let invoiceId = document.processorId;
  if (invoiceId === null) {
    const made = await deps.documents.createInvoice(order);
    if (made.outcome !== 'done') return told(deps, document, made);
    ({ invoiceId } = made);
    await deps.pool.query(sql.storeDraft(document, invoiceId));
  }
  const completed = await deps.documents.completeInvoice(invoiceId, order);
  if (completed.outcome !== 'done') return told(deps, document, completed);
  const read = await deps.documents.papersOf(order.paymentIntentId);
  const paper = read.outcome === 'found' ? read.papers.invoice : null;
  if (paper !== null) await deps.pool.query(sql.storePaper(document, paper, receipt));
}

function told(
  deps: PaymentsDeps,
  document: sql.DocumentRow,
  answer: { readonly outcome: string; readonly detail: string },
): void {
  const fields = { subject: document.subject, detail: answer.detail };
  deps.log?.warn(fields, 'a document could not be made and is tried again');
}

const NO_RECEIPT: sql.Receipt = { receiptUrl: null, receiptNumber: null, descriptor: null };

async function prepareCreditNote(deps: PaymentsDeps, document: sql.DocumentRow): Promise<void> {
  const { pool } = deps;
  const { organizationId, purchaseId, subject } = document;
  const refund = await readRefund(pool, subject, organizationId);
  const [invoice] = await pool.query<sql.DocumentRow>(
    sql.findDocument(organizationId, purchaseId, 'invoice'),
  );
  const refundId = refund?.processorRefundId ?? null;
  const waits = invoice === undefined || invoice.state === 'wanted';
  if (refund === undefined || refundId === null || (waits && document.tries < TRIES_FOR_NOTE)) {
    return;
  }
  const invoiceId = invoice?.state === 'ready' ? invoice.processorId : null;
  if (invoiceId === null || refund.state !== 'paid') {
    await pool.query(sql.storePaper(document, null, NO_RECEIPT));
    return;
  }
  const known = await deps.documents.creditNoteOf(invoiceId, refundId);
  if (known.outcome !== 'found') return;
  if (known.note !== null) {
    await pool.query(sql.storePaper(document, known.note, NO_RECEIPT));
    return;
  }
  const made = await deps.documents.createCreditNote({
    ...{ invoiceId, refundId, amount: refund.total },
    idempotencyKey: `${deps.environment}:${refund.id}:credit-note:1`,
  });
  if (made.outcome !== 'done') return told(deps, document, made);
  await pool.query(sql.storePaper(document, made.note, NO_RECEIPT));
}

export type PaymentLine = sql.PaymentRow;
export type PaymentFilter = sql.PaymentFilter;

/** Newest first, at most `limit`. */
export const listPayments = (
  db: Db,
  organizationId: string,
  filter: PaymentFilter,
  limit: number,
): Promise<PaymentLine[]> => db.query<PaymentLine>(sql.listPayments(organizationId, filter, limit));

/** Where the next page begins. */
export const cursorOf = (line: Pick<PaymentLine, 'id'>): string =>
  line.id.slice(line.id.indexOf('_') + 1);
