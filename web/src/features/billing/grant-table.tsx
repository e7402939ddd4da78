import type { Grant } from '#console-api/contract';
import { Exact } from '../../ui/amount.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Badge, Empty, type Tone } from '../../ui/notice.tsx';

const KINDS: Readonly<Record<Grant['kind'], string>> = {
  purchase: 'Purchase',
  promotional: 'Promotional credit',
  adjustment: 'Adjustment',
};

const STATES: Readonly<Record<Grant['state'], { word: string; tone: Tone }>> = {
  active: { word: 'Active', tone: 'good' },
  exhausted: { word: 'Nothing left', tone: 'quiet' },
  expired: { word: 'Expired', tone: 'quiet' },
  frozen: { word: 'Disputed', tone: 'warning' },
  voided: { word: 'Voided', tone: 'quiet' },
};

/** Where the balance comes from: one row per grant, spent in the order they expire. */
export function GrantTable({ grants }: { grants: readonly Grant[] }) {
  if (grants.length === 0) {
    return (
      <Empty title="No credits yet">
        <p>Bought or granted credits appear here, each with its own expiry.</p>
      </Empty>
    );
  }
  return (
    <table className="table stack stack-grants">
      <caption className="visually-hidden">Credit grants</caption>
      <thead>
        <tr>
          <th scope="col">Source</th>
          <th scope="col">Granted</th>
          <th scope="col">Expires</th>
          <th scope="col">State</th>
          <th scope="col" className="cell-amount">
            Amount
          </th>
          <th scope="col" className="cell-amount">
            Remaining
          </th>
        </tr>
      </thead>
      <tbody>
        {grants.map((grant) => (
          <GrantRow key={grant.id} grant={grant} />
        ))}
      </tbody>
    </table>
  );
}

function GrantRow({ grant }: { grant: Grant }) {
  const state = STATES[grant.state];
  return (
    <tr className={grant.state === 'active' ? undefined : 'row-past'}>
      <th scope="row" title={grant.id}>
        {KINDS[grant.kind]}
      </th>
      <td data-label="Granted">
        <Moment at={grant.granted_at} />
      </td>
      <td data-label="Expires">
        <Moment at={grant.expires_at} />
      </td>
      <td data-label="State">
        <Badge tone={state.tone}>{state.word}</Badge>
      </td>
      <td data-label="Amount" className="cell-amount">
        <Exact usd={grant.amount_usd} />
      </td>
      <td data-label="Remaining" className="cell-amount cell-fine">
        <Exact usd={grant.remaining_usd} />
      </td>
    </tr>
  );
}
