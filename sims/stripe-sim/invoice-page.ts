import { attempt } from './attempt.ts';
import { type EntryRefusal, readEntry } from './card-entry.ts';
import { cardForm, readFilled } from './card-form.ts';
import { noteNamed } from './credit-notes.ts';
import { intentFor } from './invoice-collection.ts';
import type { StoredInvoice } from './invoice-object.ts';
import { notice, type PageAnswer, type PageRequest, redirect } from './page-answer.ts';
import { day, document_, escaped, facts, money } from './page-html.ts';
import { newCardMethod } from './payment-methods.ts';
import { type PdfLine, pdf } from './pdf.ts';
import { NO_REQUEST, type Sim } from './sim.ts';

interface Problem {
  text: string;
  field: EntryRefusal['field'] | null;
}

/** `/i/…`: what is owed, for what, and a card form while it is owed. */
export function invoicePage(sim: Sim, id: string, rest: string, request: PageRequest): PageAnswer {
  const invoice = sim.store.invoices.get(id);
  if (invoice === undefined || invoice.status === 'draft') {
    return notice(404, 'No invoice', 'There is no such invoice.');
  }
  if (rest === 'pdf') return document('invoice', invoice.number, invoiceLines(sim, invoice));
  if (request.method !== 'POST') return shown(sim, invoice, null, {});
  if (invoice.status !== 'open') return shown(sim, invoice, null, {});
  const filled = readFilled(request.form, sim.now());
  const read = readEntry(sim, filled.entry, filled.holder);
  if (read.kind === 'refused') {
    const { message, field } = read.refusal;
    return shown(sim, invoice, { text: message, field }, filled.typed);
  }
  const expiry = { month: read.expMonth, year: read.expYear };
  const method = newCardMethod(sim, read.card, filled.holder, expiry);
  const back = `${sim.baseUrl()}/i/${id}`;
  const result = attempt(sim, NO_REQUEST, intentFor(sim, NO_REQUEST, invoice), method, {
    verification: 'not_yet',
    offSession: false,
    returnUrl: back,
  });
  if (result.kind === 'needs_verification') return redirect(`/3ds/${result.intent.id}`);
  if (result.kind !== 'declined') return redirect(`/i/${id}`);
  return shown(sim, invoice, { text: result.error.message, field: null }, filled.typed);
}

/** `/cn/…/pdf`: the credit note as a document. */
export function creditNotePage(sim: Sim, id: string): PageAnswer {
  if (sim.store.credit_notes.get(id) === undefined) {
    return notice(404, 'No credit note', 'There is no such credit note.');
  }
  const note = noteNamed(sim, id);
  const amounts = note.lines.data.map(
    (line): PdfLine => ({
      text: line.description ?? 'Credit',
      right: money(-line.amount, note.currency),
    }),
  );
  const tax = note.total - (note.total_excluding_tax ?? note.total);
  return document('credit-note', note.number, [
    { text: `Credit note ${note.number}`, size: 18, bold: true },
    { text: sim.merchantName },
    { text: `Date ${day(note.created)}` },
    ...(note.memo === null ? [] : [{ text: note.memo }]),
    { text: ' ' },
    ...amounts,
    { text: 'Tax', right: money(-tax, note.currency), rule: true },
    { text: 'Total', right: money(-note.total, note.currency), bold: true },
  ]);
}

function document(kind: string, number: string | null, lines: PdfLine[]): PageAnswer {
  return {
    status: 200,
    body: pdf([{ text: 'SIMULATED', size: 8 }, ...lines]),
    contentType: 'application/pdf',
    fileName: `${kind}-${number ?? 'draft'}.pdf`,
    formTargets: [],
  };
}

function shown(
  sim: Sim,
  invoice: StoredInvoice,
  problem: Problem | null,
  typed: Readonly<Record<string, string>>,
): PageAnswer {
  const title = `Invoice ${invoice.number}`;
  const due = money(invoice.amount_remaining, invoice.currency);
  const form =
    invoice.status !== 'open'
      ? ''
      : `<section aria-label="Card">${cardForm({
          action: `/i/${invoice.id}`,
          button: `Pay ${due}`,
          problem,
          typed: { country: invoice.customer_address?.country ?? 'US', ...typed },
          asksEmail: false,
          asksTaxId: false,
          note: '',
        })}</section>`;
  return {
    status: problem === null ? 200 : 402,
    body: document_(
      title,
      `<h1>${escaped(sim.merchantName)} – ${escaped(title)}</h1>
<section aria-label="Invoice">${facts(factsOf(invoice))}${linesTable(invoice)}
<p><a href="/i/${invoice.id}/pdf">Download as PDF</a></p></section>${form}`,
      true,
    ),
    formTargets: [],
  };
}

function factsOf(invoice: StoredInvoice): Array<[string, string]> {
  const said: Array<[string, string | null]> = [
    ['Status', STATUS[invoice.status ?? ''] ?? invoice.status],
    ['Issued', invoice.effective_at === null ? null : day(invoice.effective_at)],
    ['Due', invoice.due_date === null ? null : day(invoice.due_date)],
    ['Bill to', invoice.customer_name ?? invoice.customer_email],
    ['Note', invoice.description],
  ];
  return said.flatMap(([term, value]) => (value === null ? [] : [[term, value]]));
}

const STATUS: Record<string, string> = {
  open: 'To be paid',
  paid: 'Paid',
  void: 'Void: nothing is owed',
  uncollectible: 'Uncollectible',
};

function sums(invoice: StoredInvoice): Array<[string, number]> {
  const tax = invoice.total - (invoice.total_excluding_tax ?? invoice.total);
  return [
    ['Subtotal', invoice.total_excluding_tax ?? invoice.subtotal],
    ['Tax', tax],
    ['Total', invoice.total],
    ['Amount due', invoice.status === 'open' ? invoice.amount_remaining : 0],
  ];
}

function linesTable(invoice: StoredInvoice): string {
  const rows = invoice.lines.data.map(
    (line) =>
      `<tr><td>${escaped(line.description ?? '')}${line.quantity === 1 ? '' : ` <small>× ${line.quantity}</small>`}</td>` +
      `<td>${money(line.amount, line.currency)}</td></tr>`,
  );
  const totals = sums(invoice).map(
    ([name, amount]) =>
      `<tr class="total"><th scope="row">${name}</th><th>${money(amount, invoice.currency)}</th></tr>`,
  );
  return `<table><tbody>${rows.join('')}${totals.join('')}</tbody></table>`;
}

function invoiceLines(sim: Sim, invoice: StoredInvoice): PdfLine[] {
  const place = invoice.customer_address;
  const where = [place?.line1, place?.postal_code, place?.city, place?.state, place?.country];
  const taxIds = invoice.customer_tax_ids ?? [];
  return [
    { text: `Invoice ${invoice.number}`, size: 18, bold: true },
    { text: sim.merchantName },
    { text: ' ' },
    ...factsOf(invoice).map(([term, value]): PdfLine => ({ text: `${term}: ${value}` })),
    { text: where.filter((part) => part).join(', ') },
    ...taxIds.map((taxId): PdfLine => ({ text: `Tax ID: ${taxId.value}` })),
    { text: ' ' },
    ...invoice.lines.data.map(
      (line, at): PdfLine => ({
        text: `${line.description ?? ''}${line.quantity === 1 ? '' : ` x ${line.quantity}`}`,
        right: money(line.amount, line.currency),
        rule: at === 0,
      }),
    ),
    ...sums(invoice).map(
      ([name, amount], at): PdfLine => ({
        text: name,
        right: money(amount, invoice.currency),
        rule: at === 0,
        bold: name === 'Total',
      }),
    ),
    ...(invoice.footer === null ? [] : [{ text: ' ' }, { text: invoice.footer }]),
  ];
}
