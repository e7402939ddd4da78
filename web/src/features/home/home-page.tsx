import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { billingQuery } from '../../api/billing.ts';
import { keysQuery } from '../../api/keys.ts';
import { useSession } from '../../api/use-session.ts';
import { Figure, Money } from '../../ui/amount.tsx';
import { isZero } from '../../ui/money-text.ts';
import { Page, Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { AnomalyNotices } from '../spend-watch/anomaly-notices.tsx';
import { FirstRequest } from './first-request.tsx';
import { Step } from './step.tsx';

const useBilling = (organizationId: string, enabled: boolean) =>
  useQuery({ ...billingQuery(organizationId), enabled });

/** The balance, and the three steps from nothing to a first answer. */
export function HomePage() {
  const { me, organization, may } = useSession();
  const mayView = may('billing.view');
  const billing = useBilling(organization.id, mayView);
  const keys = useQuery(keysQuery(organization.id));
  const bought = billing.data?.grants.length;
  const hasKey = keys.data?.data.some(({ status }) => status === 'active' || status === 'paused');

  return (
    <Page title={organization.name}>
      <AnomalyNotices on="elsewhere" />
      {mayView && <HomeBalance billing={billing} />}
      <Section title="First steps">
        <ol className="steps">
          <Step title="Buy credits" done={bought === undefined ? undefined : bought > 0}>
            <p>
              Requests are paid from prepaid credits. <Link to="/settings/billing">Billing</Link>
            </p>
          </Step>
          <Step title="Create an API key" done={hasKey}>
            <p>
              A key lets your program spend them. <Link to="/settings/keys">API keys</Link>
            </p>
          </Step>
          <Step title="Send a request" done={undefined}>
            <p>
              Export the key as <code>BURSAR_API_KEY</code>, then:
            </p>
            <FirstRequest gatewayUrl={me.gateway_url} />
          </Step>
        </ol>
      </Section>
    </Page>
  );
}

function HomeBalance(props: { billing: ReturnType<typeof useBilling> }) {
  const { data, error, refetch } = props.billing;
  if (data === undefined && error !== null) {
    return <Problem error={error} retry={() => void refetch()} />;
  }
  return (
    <section className="balance" aria-label="Balance" aria-busy={data === undefined}>
      <div className="balance-main">
        <p className="balance-label" id="available-label">
          Available
        </p>
        <output
          className={data === undefined ? 'balance-figure placeholder' : 'balance-figure'}
          aria-labelledby="available-label"
        >
          <Figure usd={data?.available_usd ?? '0'} />
        </output>
      </div>
      <p className="balance-note">
        {data !== undefined && !isZero(data.held_usd) && (
          <>
            <Money usd={data.held_usd} /> held for running requests.{' '}
          </>
        )}
        <Link to="/settings/billing">Statement and grants</Link>
      </p>
    </section>
  );
}
