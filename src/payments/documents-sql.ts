import type { Statement } from '#db/pool';
import type { OrganizationId, PurchaseId } from '#kernel/ids';
import type { Paper, TaxLine } from '#payments/document-port';

export type DocumentKind = 'invoice' | 'credit_note';
export type DocumentState = 'wanted' | 'ready' | 'receipt_only';

export interface DocumentRow {
  readonly organizationId: OrganizationId;
  readonly subject: string;
  readonly kind: DocumentKind;
  readonly state: DocumentState;
  readonly purchaseId: PurchaseId;
  readonly processorId: string | null;
  readonly tries: number;
}

const COLUMNS = `organization_id AS "organizationId", subject, kind, state,
  purchase_id AS "purchaseId", processor_id AS "processorId", tries`;

/** Noted with the money that it is about; made later. Asked for twice, it is one. */
export const wantDocument = (d: {
  readonly organizationId: string;
  readonly subject: string;
  readonly kind: DocumentKind;
  readonly purchaseId: string;
  readonly environment: string;
}): Statement => ({
  text: `INSERT INTO payments.documents (organization_id, subject, kind, state, purchase_id,
      environment, next_try_at)
    VALUES ($1, $2, $3, 'wanted', $4, $5, bursar.real_now()) ON CONFLICT DO NOTHING`,
  values: [d.organizationId, d.subject, d.kind, d.purchaseId, d.environment],
});

/**
 * Takes the documents whose turn it is and sets their next turn first: 5 s for a minute (a hosted
 * page's invoice comes moments after its payment), then ever more rarely.
 */
export const takeDueDocuments = (environment: string, limit: number): Statement => ({
  text: `UPDATE payments.documents AS d SET tries = d.tries + 1, next_try_at =
        bursar.real_now() + CASE WHEN d.tries < 12 THEN interval '5 seconds'
          WHEN d.tries < 30 THEN interval '1 minute' ELSE interval '1 hour' END
      FROM (SELECT organization_id, subject, kind FROM payments.documents
             WHERE environment = $1 AND next_try_at <= bursar.real_now()
             ORDER BY next_try_at LIMIT $2 FOR UPDATE SKIP LOCKED) AS due
     WHERE d.organization_id = due.organization_id AND d.subject = due.subject
       AND d.kind = due.kind
     RETURNING d.organization_id AS "organizationId", d.subject, d.kind, d.state,
       d.purchase_id AS "purchaseId", d.processor_id AS "processorId", d.tries`,
  values: [environment, limit],
});

type Key = Pick<DocumentRow, 'organizationId' | 'subject' | 'kind'>;

/** An invoice of ours that was begun: the next try goes on with it. */
export const storeDraft = (d: Key, processorId: string): Statement => ({
  text: `UPDATE payments.documents SET processor_id = $4
    WHERE organization_id = $1 AND subject = $2 AND kind = $3`,
  values: [d.organizationId, d.subject, d.kind, processorId],
});

export interface Receipt {
  readonly receiptUrl: string | null;
  readonly receiptNumber: string | null;
  readonly descriptor: string | null;
}

/** `paper` is null where there will be none: then the receipt is all there is. */
export const storePaper = (d: Key, paper: Paper | null, receipt: Receipt): Statement => ({
  text: `UPDATE payments.documents SET state = $4, processor_id = coalesce($5, processor_id),
      number = $6, pdf_url = $7, page_url = $8, tax_lines = $9, receipt_url = $10,
      receipt_number = $11, descriptor = $12, next_try_at = NULL, updated_at = bursar.now()
    WHERE organization_id = $1 AND subject = $2 AND kind = $3`,
  values: [
    ...[d.organizationId, d.subject, d.kind, paper === null ? 'receipt_only' : 'ready'],
    ...[paper?.id ?? null, paper?.number ?? null, paper?.pdfUrl ?? null, paper?.pageUrl ?? null],
    ...[JSON.stringify(paper?.taxLines ?? [])],
    ...[receipt.receiptUrl, receipt.receiptNumber, receipt.descriptor],
  ],
});

/** The receipt is there long before the invoice may be. */
export const storeReceipt = (d: Key, receipt: Receipt): Statement => ({
  text: `UPDATE payments.documents SET receipt_url = $4, receipt_number = $5, descriptor = $6
    WHERE organization_id = $1 AND subject = $2 AND kind = $3`,
  values: [
    ...[d.organizationId, d.subject, d.kind],
    ...[receipt.receiptUrl, receipt.receiptNumber, receipt.descriptor],
  ],
});

export const findDocument = (
  organizationId: string,
  subject: string,
  kind: DocumentKind,
): Statement => ({
  text: `SELECT ${COLUMNS} FROM payments.documents
    WHERE organization_id = $1 AND subject = $2 AND kind = $3`,
  values: [organizationId, subject, kind],
});

export interface PaymentFilter {
  readonly kind?: 'purchase' | 'refund';
  readonly state?: string;
  readonly from?: Date;
  /** Not included. */
  readonly to?: Date;
  /** The `cursor` of the last row seen. */
  readonly before?: string;
}

export interface PaymentRow {
  readonly kind: 'purchase' | 'refund';
  readonly id: string;
  readonly purchaseId: string;
  readonly state: string;
  readonly at: Date;
  readonly credit: bigint;
  readonly tax: bigint;
  readonly documentState: DocumentState | null;
  readonly number: string | null;
  readonly pdfUrl: string | null;
  readonly pageUrl: string | null;
  readonly receiptUrl: string | null;
  readonly descriptor: string | null;
  readonly taxLines: readonly TaxLine[] | null;
  /** Who set it off; null for refunds. */
  readonly trigger: 'manual' | 'auto_reload' | null;
  /** Why no money moved, in the customer's words; null where it did or still may. */
  readonly reason: string | null;
  readonly nextStep: string | null;
}

/** States in which it came to nothing, or has not come to anything and says why. */
const CAME_TO_NOTHING = `('declined', 'failed', 'canceled', 'expired', 'abandoned', 'refused',
  'already_refunded', 'disputed')`;

/** Ids of one kind sort by creation, and so do both kinds by the time that follows the prefix. */
const CURSOR = `substr(x.id, strpos(x.id, '_') + 1)`;

/** An organization's purchases and refunds with their papers, newest first. */
export const listPayments = (
  organizationId: string,
  filter: PaymentFilter,
  limit: number,
): Statement => ({
  text: `SELECT x.kind, x.id, x.purchase_id AS "purchaseId", x.state, x.at, x.credit, x.tax,
      d.state AS "documentState", d.number, d.pdf_url AS "pdfUrl", d.page_url AS "pageUrl",
      coalesce(d.receipt_url, x.receipt_url) AS "receiptUrl", d.descriptor,
      d.tax_lines AS "taxLines", x.trigger, x.next_step AS "nextStep",
      CASE WHEN x.state IN ${CAME_TO_NOTHING} THEN coalesce(x.title,
        (SELECT t.detail FROM payments.purchase_timeline AS t
          WHERE x.kind = 'purchase' AND t.organization_id = $1 AND t.purchase_id = x.id
          ORDER BY t.seq DESC LIMIT 1),
        (SELECT t.detail FROM payments.refund_timeline AS t
          WHERE x.kind = 'refund' AND t.organization_id = $1 AND t.refund_id = x.id
          ORDER BY t.seq DESC LIMIT 1)) END AS reason
    FROM (
      SELECT 'purchase' AS kind, id, id AS purchase_id, state, created_at AS at,
             credit_nanos AS credit, tax_nanos AS tax, receipt_url, trigger,
             CASE WHEN state IN ('declined', 'failed') THEN failure ->> 'title' END AS title,
             CASE WHEN state IN ('declined', 'failed') THEN failure ->> 'next_step' END AS next_step
        FROM payments.purchases WHERE organization_id = $1
      UNION ALL
      SELECT 'refund', id, purchase_id, state, created_at, credit_nanos, tax_nanos, NULL, NULL,
             NULL, NULL
        FROM payments.refunds WHERE organization_id = $1) AS x
    LEFT JOIN payments.documents d ON d.organization_id = $1 AND d.subject = x.id
    WHERE ($2::text IS NULL OR x.kind = $2) AND ($3::text IS NULL OR x.state = $3)
      AND ($4::timestamptz IS NULL OR x.at >= $4) AND ($5::timestamptz IS NULL OR x.at < $5)
      AND ($6::text IS NULL OR ${CURSOR} < $6)
    ORDER BY ${CURSOR} DESC LIMIT $7`,
  values: [
    ...[organizationId, filter.kind ?? null, filter.state ?? null, filter.from ?? null],
    ...[filter.to ?? null, filter.before ?? null, limit],
  ],
});
