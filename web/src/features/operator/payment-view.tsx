import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type ReactNode, useState } from 'react';
import type { OperatorPayment } from '#console-api/operator/contract';
import { paymentQuery } from '../../api/operator.ts';
import { Moment } from '../../ui/moment.tsx';
import { Page, Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { DecideButtons } from './attention-list.tsx';
import { DecideDialog, type Deciding } from './decide-dialog.tsx';
import { PaymentAmounts } from './payment-amounts.tsx';
import { RemedyWords } from './remedy-words.tsx';

/** One payment of the account, of whatever product, as the processor has it now. */
export function PaymentView({ id, back }: { id: string; back: ReactNode }) {
  const payment = useQuery(paymentQuery(id));
  const [deciding, setDeciding] = useState<Deciding>();
  const { data } = payment;
  return (
    <Page title="Payment" lead={<span className="op-id">{id}</span>}>
      {back}
      {payment.isPending && <Skeleton rows={4} label="Asking the payment processor" />}
      {payment.isError && data === undefined && (
        <Problem error={payment.error} retry={() => void payment.refetch()} />
      )}
      {data !== undefined && (
        <>
          <Section title="How it stands">
            <p className="prose">{data.words}</p>
            {data.remedy !== null && (
              <RemedyWords remedy={data.remedy} to={data.organization?.name} />
            )}
            {data.decidable && <DecideButtons payment={id} onDecide={setDeciding} />}
          </Section>
          <Section title="What it is">
            <Facts payment={data} />
          </Section>
        </>
      )}
      {deciding !== undefined && (
        <DecideDialog deciding={deciding} onClose={() => setDeciding(undefined)} />
      )}
    </Page>
  );
}

function Facts({ payment }: { payment: OperatorPayment }) {
  const { organization, mismatches } = payment;
  return (
    <div className="op-payment">
      <PaymentAmounts payment={payment} kind={undefined} />
      <dl className="op-pairs">
        <div>
          <dt>Organization</dt>
          <dd>
            {organization === null ? (
              'Not known'
            ) : (
              <Link to="/operator" search={{ organization: organization.id }}>
                {organization.name}
              </Link>
            )}
          </dd>
        </div>
        <div>
          <dt>Paid</dt>
          <dd>
            {payment.paid_at === null ? '–' : <Moment at={payment.paid_at} show="day and time" />}
          </dd>
        </div>
        <div>
          <dt>Purpose it carries</dt>
          <dd>{payment.purpose ?? 'None'}</dd>
        </div>
        {mismatches.length > 0 && (
          <div>
            <dt>Why it fits nothing</dt>
            <dd>{mismatches.join('; ')}</dd>
          </div>
        )}
        <div>
          <dt>Refunded</dt>
          <dd>{payment.refunded ? 'Some or all of it' : 'No'}</dd>
        </div>
        {payment.purchase_id !== null && (
          <div>
            <dt>Purchase it names</dt>
            <dd className="op-id">{payment.purchase_id}</dd>
          </div>
        )}
      </dl>
    </div>
  );
}
