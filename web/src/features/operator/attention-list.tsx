import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { AttentionLine, Overview } from '#console-api/operator/contract';
import { Exact } from '../../ui/amount.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Empty } from '../../ui/notice.tsx';
import { DecideDialog, type Deciding } from './decide-dialog.tsx';

/** One thing a line: what happened, whose, how much, since when, and the next step. */
export function AttentionList({ overview }: { overview: Overview }) {
  const [deciding, setDeciding] = useState<Deciding>();
  const { attention } = overview;
  return (
    <>
      {attention.length === 0 ? (
        <Empty title="All is well">
          <p>
            Nothing needs a person. Last looked at{' '}
            <Moment at={overview.checked_at} show="day and time" />.
          </p>
        </Empty>
      ) : (
        <ul className="op-lines">
          {attention.map((line) => (
            <Line key={line.key} line={line} onDecide={setDeciding} />
          ))}
        </ul>
      )}
      {deciding !== undefined && (
        <DecideDialog deciding={deciding} onClose={() => setDeciding(undefined)} />
      )}
    </>
  );
}

function Line(props: { line: AttentionLine; onDecide: (deciding: Deciding) => void }) {
  const { line } = props;
  const { payment_id: payment, organization } = line;
  return (
    <li className="op-line">
      <div className="op-line-head">
        <h3>{line.title}</h3>
        <span className="op-line-amount">
          {line.amount_usd !== null && <Exact usd={line.amount_usd} />}
          {line.amount_other !== null && <span className="money">{line.amount_other}</span>}
        </span>
      </div>
      <p className="op-facts">
        {organization === null ? (
          <span>No organization known</span>
        ) : (
          <Link to="/operator" search={{ organization: organization.id }}>
            {organization.name}
          </Link>
        )}
        {line.since !== null && (
          <span>
            since <Moment at={line.since} show="day and time" />
          </span>
        )}
        {line.deadline !== null && (
          <strong className="op-deadline">
            until <Moment at={line.deadline} show="day and time" />
          </strong>
        )}
        {payment !== null && (
          <Link to="/operator" search={{ payment }} className="op-id">
            {payment}
          </Link>
        )}
        {line.purchase_id !== null && <span className="op-id">{line.purchase_id}</span>}
      </p>
      {line.detail !== null && <p className="op-detail">{line.detail}</p>}
      <div className="op-next">
        <p>{line.next_step}</p>
        {line.decidable && payment !== null && (
          <DecideButtons payment={payment} onDecide={props.onDecide} />
        )}
      </div>
    </li>
  );
}

/** The first of the two clicks; the second one is in the dialog, under the exact amounts. */
export function DecideButtons(props: { payment: string; onDecide: (deciding: Deciding) => void }) {
  const { payment, onDecide } = props;
  return (
    <div className="op-buttons">
      <button
        type="button"
        className="button"
        onClick={() => onDecide({ kind: 'credit', payment })}
      >
        Credit here<span className="visually-hidden">: {payment}</span>
      </button>
      <button
        type="button"
        className="button"
        onClick={() => onDecide({ kind: 'refund', payment })}
      >
        Refund<span className="visually-hidden">: {payment}</span>
      </button>
    </div>
  );
}
