import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useState } from 'react';
import type { OperatorOrganization } from '#console-api/operator/contract';
import { organizationQuery } from '../../api/operator.ts';
import { Exact } from '../../ui/amount.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Badge, Empty } from '../../ui/notice.tsx';
import { Page, Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { PurchaseList } from './purchase-list.tsx';
import { StatusDialog } from './status-dialog.tsx';

/** State and money of one organization; nothing of what it asks models. */
export function OrganizationView({ id, back }: { id: string; back: ReactNode }) {
  const organization = useQuery(organizationQuery(id));
  const { data } = organization;
  return (
    <Page
      title={data?.name ?? 'Organization'}
      lead={<span className="op-id">{id}</span>}
      actions={data !== undefined && <StatusButton organization={data} />}
    >
      {back}
      {organization.isPending && <Skeleton rows={5} label="Loading the organization" />}
      {organization.isError && data === undefined && (
        <Problem error={organization.error} retry={() => void organization.refetch()} />
      )}
      {data !== undefined && (
        <>
          <Section title="State">
            <State organization={data} />
          </Section>
          <Section title="Purchases">
            {data.purchases.length === 0 ? (
              <Empty title="Nothing was bought yet" />
            ) : (
              <PurchaseList purchases={data.purchases} />
            )}
          </Section>
          {data.refunds.length > 0 && (
            <Section title="Refunds">
              <Refunds refunds={data.refunds} />
            </Section>
          )}
        </>
      )}
    </Page>
  );
}

function StatusButton({ organization }: { organization: OperatorOrganization }) {
  const [asked, setAsked] = useState(false);
  const suspended = organization.status === 'suspended';
  return (
    <>
      <button
        type="button"
        className={suspended ? 'button' : 'button button-danger'}
        onClick={() => setAsked(true)}
      >
        {suspended ? 'Resume' : 'Suspend'}
      </button>
      {asked && <StatusDialog organization={organization} onClose={() => setAsked(false)} />}
    </>
  );
}

const MONEY = [
  ['Available', 'available_usd'],
  ['Held by running requests', 'held_usd'],
  ['Frozen by a dispute', 'frozen_usd'],
  ['Owed', 'debt_usd'],
] as const;

function State({ organization }: { organization: OperatorOrganization }) {
  return (
    <dl className="op-pairs">
      <div>
        <dt>Status</dt>
        <dd>
          {organization.status === 'active' ? (
            <Badge tone="good">Active</Badge>
          ) : (
            <Badge tone="bad">Suspended</Badge>
          )}
        </dd>
      </div>
      {MONEY.map(([label, amount]) => (
        <div key={amount}>
          <dt>{label}</dt>
          <dd>
            <Exact usd={organization[amount]} />
          </dd>
        </div>
      ))}
      <div>
        <dt>Members</dt>
        <dd className="op-wrap">
          {organization.emails.length === 0 ? 'None' : organization.emails.join(', ')}
        </dd>
      </div>
      <div>
        <dt>Here since</dt>
        <dd>
          <Moment at={organization.created_at} />
        </dd>
      </div>
    </dl>
  );
}

function Refunds({ refunds }: { refunds: OperatorOrganization['refunds'] }) {
  return (
    <table className="table stack">
      <caption className="visually-hidden">Refunds, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Refund</th>
          <th scope="col">Date</th>
          <th scope="col">State</th>
          <th scope="col">Reason</th>
          <th scope="col" className="cell-amount">
            Total
          </th>
        </tr>
      </thead>
      <tbody>
        {refunds.map((refund) => (
          <tr key={refund.id}>
            <th scope="row">
              <span className="reference">{refund.id}</span>
              <span className="reference">of {refund.purchase_id}</span>
            </th>
            <td data-label="Date">
              <Moment at={refund.created_at} show="day and time" />
            </td>
            <td data-label="State">
              {refund.state.replaceAll('_', ' ')}
              {refund.failure_code !== null && `: ${refund.failure_code}`}
            </td>
            <td data-label="Reason">{refund.reason}</td>
            <td data-label="Total" className="cell-amount">
              <Exact usd={refund.total_usd} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
