import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect } from 'react';
import type { CardSetup } from '#console-api/billing/contract';
import { reloadQuery } from '../../api/auto-reload.ts';
import { cardsQuery, refreshSetup } from '../../api/billing-details.ts';
import { useSession } from '../../api/use-session.ts';
import { Money } from '../../ui/amount.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Page } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { StarterOutcome } from './credit-offer.tsx';
import { openPaymentPage } from './payment-page.ts';

const ASK_AGAIN_MS = 2_000;
const QUESTIONS_MOST = 15;

/** Where the processor's card page sends people back to: it finds out for itself how it went. */
export function CardReturnPage(props: { setupId: string | undefined; canceled: boolean }) {
  const { setupId } = props;
  return (
    <Page
      title="Saving a card"
      {...(setupId === undefined ? { lead: 'This address names no card.' } : {})}
    >
      {setupId !== undefined && <Following setupId={setupId} canceled={props.canceled} />}
      <p>
        <Link to="/settings/billing">Back to billing</Link>
      </p>
    </Page>
  );
}

function Following({ setupId, canceled }: { setupId: string; canceled: boolean }) {
  const { organization } = useSession();
  const queries = useQueryClient();
  const setup = useQuery({
    queryKey: [organization.id, 'card-setup', setupId],
    queryFn: () => refreshSetup(setupId),
    refetchInterval: ({ state }) =>
      state.data?.state === 'open' && !canceled && state.dataUpdateCount < QUESTIONS_MOST
        ? ASK_AGAIN_MS
        : false,
  });
  const state = setup.data?.state;

  useEffect(() => {
    if (state === 'saved') void queries.invalidateQueries(cardsQuery(organization.id));
  }, [state, queries, organization.id]);

  if (setup.data !== undefined) {
    return (
      <>
        <Verdict setup={setup.data} canceled={canceled} />
        {state === 'saved' && <StarterOutcome cardId={setup.data.card_id} />}
      </>
    );
  }
  if (setup.isError) return <Problem error={setup.error} retry={() => void setup.refetch()} />;
  return <Skeleton rows={2} label="Asking the payment processor" />;
}

/**
 * Saving charges nothing; but where auto-reload is on, a card it can use is charged at once if the
 * balance is low. What is said of it is what the server says now.
 */
function AfterSaving() {
  const { organization } = useSession();
  const reload = useQuery({
    ...reloadQuery(organization.id),
    refetchInterval: ({ state }) => (state.data?.status === 'reloading' ? ASK_AGAIN_MS : false),
  });
  const { data } = reload;
  if (data === undefined) return <p>Saving it charged nothing.</p>;
  if (data.status === 'reloading') {
    return <p>Saving it charged nothing. Auto-reload is on, and is buying credits just now.</p>;
  }
  if (!data.enabled) {
    return <p>Saving it charged nothing. Auto-reload is off, so nothing charges it by itself.</p>;
  }
  return (
    <p>
      Saving it charged nothing. Auto-reload is on: below <Money usd={data.threshold_usd} /> the
      default card is charged by itself. What it bought stands on the Billing page.
    </p>
  );
}

function Verdict({ setup, canceled }: { setup: CardSetup; canceled: boolean }) {
  const { redirect_url: url } = setup;
  const again = url !== null && (
    <button type="button" className="button" onClick={() => openPaymentPage(url)}>
      Go back to the card page
    </button>
  );
  if (setup.state === 'saved') {
    return (
      <Notice tone="good" title="The card is saved">
        <AfterSaving />
      </Notice>
    );
  }
  if (setup.failure !== null) {
    return (
      <Notice tone="bad" title={setup.failure.title}>
        <p>{setup.failure.message}</p>
        <p>{setup.failure.next_step}</p>
        {again}
      </Notice>
    );
  }
  if (setup.state === 'expired') {
    return (
      <Notice tone="quiet" title="The card page was open too long">
        <p>No card was saved. You can begin again on the Billing page.</p>
      </Notice>
    );
  }
  return canceled ? (
    <Notice tone="quiet" title="You left the card page before saving a card">
      <p>No card was saved.</p>
      {again}
    </Notice>
  ) : (
    <Notice tone="quiet" title="Waiting for the card to be saved">
      <p>This usually takes a few seconds.</p>
      {again}
    </Notice>
  );
}
