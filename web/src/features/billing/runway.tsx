import { useQuery } from '@tanstack/react-query';
import type { AdviceResponse, PaceView } from '#console-api/advice/contract';
import { reloadQuery } from '../../api/auto-reload.ts';
import { creditAdviceQuery } from '../../api/credit-advice.ts';
import { Money } from '../../ui/amount.tsx';
import { Moment } from '../../ui/moment.tsx';
import { isZero } from '../../ui/money-text.ts';
import { isYoung, lastsShorter } from './runway-words.ts';

/** Until when the credit lasts, below the balance. Nothing where that cannot be told. */
export function Runway(props: { organizationId: string; available: string }) {
  const { organizationId, available } = props;
  const { data } = useQuery(creditAdviceQuery(organizationId));
  const reload = useQuery(reloadQuery(organizationId));
  const [week, recent] = data?.paces ?? [];
  if (data === undefined || week === undefined || week.runway.state === 'in_debt') return null;
  if (week.runway.state === 'no_spending' && isZero(available)) return null;
  return (
    <section className="runway" aria-label="How long it lasts">
      <p className={week.runway.state === 'no_spending' ? 'hint' : undefined}>
        <Lasting pace={week} at={data.at} />
      </p>
      {recent !== undefined && lastsShorter(recent, week) && (
        <p className="hint">
          In the last {recent.days} days it was <Money usd={recent.per_day_usd} /> a day: at that
          pace until <Moment at={recent.runway.until ?? data.at} />.
        </p>
      )}
      {reload.data?.status === 'on' && week.runway.state === 'lasts' && (
        <p className="hint">Not counting what auto-reload buys meanwhile.</p>
      )}
    </section>
  );
}

function Lasting({ pace, at }: { pace: PaceView; at: AdviceResponse['at'] }) {
  const { runway } = pace;
  const daily = (
    <>
      (<Span pace={pace} at={at} />: <Money usd={pace.per_day_usd} /> a day)
    </>
  );
  if (runway.state === 'no_spending') {
    return 'Nothing was spent in the last 7 days, so nobody can tell how long your credit lasts.';
  }
  if (runway.until === null) return <>Your credit is used up {daily}.</>;
  const unused = runway.expires_unused_usd;
  return (
    <>
      At this pace your credit lasts until{' '}
      <strong>
        <Moment at={runway.until} />
      </strong>{' '}
      {daily}.
      {unused !== null && !isZero(unused) && (
        <>
          {' '}
          <Money usd={unused} /> of it would expire unused
          {runway.ends_by === 'expiry' ? ' by then' : ' on the way'}.
        </>
      )}
    </>
  );
}

function Span({ pace, at }: { pace: PaceView; at: string }) {
  if (!isYoung(pace, at)) return <>{pace.days} days</>;
  return (
    <>
      since <Moment at={pace.from} />
    </>
  );
}
