import { useInfiniteQuery } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { HistoryLine } from '#console-api/contract';
import { historyQuery } from '../../api/billing.ts';
import { NO_FILTER } from '../../api/payments.ts';
import { Exact } from '../../ui/amount.tsx';
import { Moment } from '../../ui/moment.tsx';
import { isZero } from '../../ui/money-text.ts';
import { Empty } from '../../ui/notice.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { PaymentFilterForm } from './payment-filter.tsx';
import { PaymentList } from './payment-list.tsx';

/** Two views of the same past: payments with their papers, and every line of the ledger. */
export function History(props: { organizationId: string; version: string | undefined }) {
  const [view, setView] = useState<'lines' | 'payments'>('lines');
  const [filter, setFilter] = useState(NO_FILTER);
  return (
    <>
      <fieldset className="views">
        <legend className="visually-hidden">What to show</legend>
        {VIEWS.map(([name, words]) => (
          <button
            key={name}
            type="button"
            className="button"
            aria-pressed={view === name}
            onClick={() => setView(name)}
          >
            {words}
          </button>
        ))}
      </fieldset>
      {view === 'payments' && <PaymentFilterForm filter={filter} onChange={setFilter} />}
      {view === 'payments' ? <PaymentList {...props} filter={filter} /> : <Statement {...props} />}
    </>
  );
}

const VIEWS = [
  ['lines', 'Every movement'],
  ['payments', 'Payments and documents'],
] as const;

/** The statement, newest first. `version` changes when money moved, and the lines are re-read. */
function Statement(props: { organizationId: string; version: string | undefined }) {
  const history = useInfiniteQuery(historyQuery(props.organizationId));
  const seen = useRef(props.version);

  useEffect(() => {
    if (seen.current !== undefined && seen.current !== props.version) void history.refetch();
    seen.current = props.version;
  }, [props.version, history.refetch]);

  if (history.isPending) return <Skeleton rows={4} label="Loading the statement" />;
  if (history.data === undefined) {
    return <Problem error={history.error} retry={() => void history.refetch()} />;
  }
  const lines = history.data.pages.flatMap((page) => page.data);
  if (lines.length === 0) {
    return (
      <Empty title="Nothing has moved yet">
        <p>Every credit, charge and expiry will be a line here.</p>
      </Empty>
    );
  }
  return (
    <>
      <p>
        <a href="/api/billing/history.csv" download>
          Download every line (CSV)
        </a>
      </p>
      <StatementTable lines={lines} />
      {history.hasNextPage && (
        <p className="more">
          <button
            type="button"
            className="button"
            disabled={history.isFetchingNextPage}
            onClick={() => void history.fetchNextPage()}
          >
            {history.isFetchingNextPage ? 'Loading…' : 'Show earlier lines'}
          </button>
        </p>
      )}
    </>
  );
}

function StatementTable({ lines }: { lines: readonly HistoryLine[] }) {
  const balances = lines.some((line) => line.balance_usd !== undefined);
  return (
    <table className="table stack stack-statement">
      <caption className="visually-hidden">Statement, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Description</th>
          <th scope="col">Date</th>
          <th scope="col" className="cell-amount">
            Amount
          </th>
          {balances && (
            <th scope="col" className="cell-amount">
              Balance
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {lines.map((line) => (
          <tr key={line.seq}>
            <th scope="row">
              {line.title}
              {line.reference !== null && <span className="reference">{line.reference}</span>}
            </th>
            <td data-label="Date">
              <Moment at={line.at} show="day and time" />
            </td>
            <td data-label="Amount" className="cell-amount cell-fine">
              {/* A loss moves no credit: its amount stands in its words. */}
              {isZero(line.amount_usd) ? '–' : <Exact usd={line.amount_usd} signed />}
            </td>
            {balances && (
              <td data-label="Balance" className="cell-amount cell-fine">
                {line.balance_usd !== undefined && <Exact usd={line.balance_usd} />}
              </td>
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
