import { useInfiniteQuery } from '@tanstack/react-query';
import type { PaymentLine } from '#console-api/payments/contract';
import { type PaymentFilter, paymentsQuery } from '../../api/payments.ts';
import { Exact, Money } from '../../ui/amount.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Empty } from '../../ui/notice.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { hasMoved, kindWords, stateWords, whyNothing } from './payment-words.ts';

/** Purchases and refunds that the filter lets through, with their papers. */
export function PaymentList(props: {
  organizationId: string;
  filter: PaymentFilter;
  version: string | undefined;
}) {
  const { organizationId, filter, version } = props;
  const payments = useInfiniteQuery(paymentsQuery(organizationId, filter, version));
  if (payments.isPending) return <Skeleton rows={4} label="Loading payments" />;
  if (payments.data === undefined) {
    return <Problem error={payments.error} retry={() => void payments.refetch()} />;
  }
  const lines = payments.data.pages.flatMap((page) => page.data);
  if (lines.length === 0) {
    return (
      <Empty title="No payments here">
        <p>Nothing fits these conditions.</p>
      </Empty>
    );
  }
  return (
    <>
      <PaymentTable lines={lines} />
      {payments.hasNextPage && (
        <p className="more">
          <button
            type="button"
            className="button"
            disabled={payments.isFetchingNextPage}
            onClick={() => void payments.fetchNextPage()}
          >
            {payments.isFetchingNextPage ? 'Loading…' : 'Show earlier payments'}
          </button>
        </p>
      )}
    </>
  );
}

function PaymentTable({ lines }: { lines: readonly PaymentLine[] }) {
  return (
    <table className="table stack stack-payments">
      <caption className="visually-hidden">Payments and refunds, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Payment</th>
          <th scope="col">Date</th>
          <th scope="col">State</th>
          <th scope="col">Documents</th>
          <th scope="col" className="cell-amount">
            Total
          </th>
        </tr>
      </thead>
      <tbody>
        {lines.map((line) => (
          <tr key={line.id} className={hasMoved(line.state) ? undefined : 'row-past'}>
            <th scope="row">
              {kindWords(line)}
              {line.descriptor !== null && (
                <span className="reference">on the card: {line.descriptor}</span>
              )}
              {whyNothing(line) !== null && <p className="hint">{whyNothing(line)}</p>}
              <span className="reference">{line.id}</span>
            </th>
            <td data-label="Date">
              <Moment at={line.at} show="day and time" />
            </td>
            <td data-label="State">{stateWords(line.state)}</td>
            <td data-label="Documents">
              <Papers line={line} />
            </td>
            <td data-label="Total" className="cell-amount">
              <span>
                <Exact usd={line.total_usd} />
                {line.tax_usd !== '0' && (
                  <span className="reference">
                    with <Money usd={line.tax_usd} /> tax
                  </span>
                )}
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Links lead to the processor, which keeps the papers. */
function Papers({ line }: { line: PaymentLine }) {
  const name = line.kind === 'refund' ? 'Credit note' : 'Invoice';
  const { pdf_url: pdf, receipt_url: receipt, document_number: number } = line;
  if (pdf === null && receipt === null) {
    return <>{line.document_state === 'wanted' ? 'Being made' : '–'}</>;
  }
  return (
    <ul className="papers">
      {pdf !== null && (
        <li>
          <a href={pdf} download rel="noreferrer">
            {name} {number} (PDF)
          </a>
        </li>
      )}
      {receipt !== null && (
        <li>
          <a href={receipt} target="_blank" rel="noreferrer">
            Receipt
          </a>
        </li>
      )}
      {pdf === null && line.document_state === 'wanted' && <li>{name} is being made</li>}
    </ul>
  );
}
