import { formatUsd, nanos } from '#kernel/money';
import { cursorOf, listPayments, type PaymentLine } from '#payments/documents';
import type { Api, ConsoleDeps } from '../deps.ts';
import { type PaymentsQuery, paymentsQuery, paymentsResponse } from '../payments/contract.ts';
import { memberOf, withAbility } from '../viewer.ts';

const PAGE = 50;
const DAY_MS = 24 * 3_600_000;

/** Purchases and refunds with their papers, for the Billing page. */
export function paymentRoutes(app: Api, deps: ConsoleDeps): void {
  app.get(
    '/billing/payments',
    {
      onRequest: withAbility(deps, 'billing.view'),
      schema: { querystring: paymentsQuery, response: { 200: paymentsResponse } },
    },
    async (request) => {
      const { organizationId } = memberOf(request);
      const filter = filterOf(request.query);
      const lines = await listPayments(deps.pool, organizationId, filter, PAGE + 1);
      const page = lines.slice(0, PAGE);
      const last = lines.length > PAGE ? page.at(-1) : undefined;
      return { data: page.map(view), next: last === undefined ? null : cursorOf(last) };
    },
  );
}

function filterOf(query: PaymentsQuery) {
  const { kind, state, from, to, before } = query;
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(state === undefined ? {} : { state }),
    ...(from === undefined ? {} : { from: new Date(`${from}T00:00:00Z`) }),
    // The day named is part of what is asked for.
    ...(to === undefined ? {} : { to: new Date(Date.parse(`${to}T00:00:00Z`) + DAY_MS) }),
    ...(before === undefined ? {} : { before }),
  };
}

const view = (line: PaymentLine) => ({
  kind: line.kind,
  id: line.id,
  purchase_id: line.purchaseId,
  state: line.state,
  at: line.at.toISOString(),
  amount_usd: formatUsd(nanos(line.credit)),
  tax_usd: formatUsd(nanos(line.tax)),
  total_usd: formatUsd(nanos(line.credit + line.tax)),
  document_number: line.number,
  document_state: line.documentState,
  pdf_url: line.pdfUrl,
  receipt_url: line.receiptUrl,
  descriptor: line.descriptor,
  trigger: line.trigger,
  reason: line.reason,
  next_step: line.nextStep,
  tax_lines: [...(line.taxLines ?? [])],
});
