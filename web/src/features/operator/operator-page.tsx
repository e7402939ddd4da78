import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { overviewQuery } from '../../api/operator.ts';
import { Moment } from '../../ui/moment.tsx';
import { Page, Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { AttentionList } from './attention-list.tsx';
import { CheckTable } from './check-table.tsx';
import { Find } from './find.tsx';
import { OrganizationView } from './organization-view.tsx';
import { PaymentView } from './payment-view.tsx';

/** For whoever runs this: what needs a person, one organization, or one payment. */
export function OperatorPage(props: { organization?: string; payment?: string; find?: string }) {
  const { organization, payment } = props;
  if (organization !== undefined) {
    return <OrganizationView key={organization} id={organization} back={<Back />} />;
  }
  if (payment !== undefined) return <PaymentView key={payment} id={payment} back={<Back />} />;
  return <Overview find={props.find ?? ''} />;
}

function Back() {
  return (
    <p className="op-back">
      <Link to="/operator">← What needs a person</Link>
    </p>
  );
}

function Overview({ find }: { find: string }) {
  const overview = useQuery(overviewQuery);
  const { data } = overview;
  const again = (
    <button
      type="button"
      className="button"
      aria-disabled={overview.isFetching}
      onClick={() => void overview.refetch()}
    >
      Look again
    </button>
  );
  return (
    <Page
      title="Operator"
      lead={
        data === undefined ? (
          'All organizations.'
        ) : (
          <>
            All organizations. Looked at <Moment at={data.checked_at} show="day and time" />.
          </>
        )
      }
      actions={again}
    >
      <Section title="Needs a person now">
        {overview.isPending && <Skeleton rows={3} label="Looking" />}
        {overview.isError && (
          <Problem error={overview.error} retry={() => void overview.refetch()} />
        )}
        {data !== undefined && <AttentionList overview={data} />}
      </Section>
      <Section title="Find">
        <Find key={find} text={find} />
      </Section>
      {data !== undefined && (
        <Section title="Checks">
          <CheckTable checks={data.checks} />
        </Section>
      )}
    </Page>
  );
}
