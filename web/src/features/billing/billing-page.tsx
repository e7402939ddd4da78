import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { billingQuery } from '../../api/billing.ts';
import { useSession } from '../../api/use-session.ts';
import { Notice } from '../../ui/notice.tsx';
import { Page, Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { roleName } from '../../ui/roles.ts';
import { Skeleton } from '../../ui/skeleton.tsx';
import { AnomalyNotices } from '../spend-watch/anomaly-notices.tsx';
import { Balance, BalanceSkeleton } from './balance.tsx';
import { BuyDialog } from './buy-dialog.tsx';
import { CardsSection } from './cards-section.tsx';
import { StarterOffer } from './credit-offer.tsx';
import { DetailsSection } from './details-section.tsx';
import { GrantTable } from './grant-table.tsx';
import { History } from './history.tsx';
import { PurchaseCard } from './purchase-card.tsx';
import { ReloadSection } from './reload-section.tsx';
import { Runway } from './runway.tsx';
import { Watching } from './watching.tsx';
import { WebhookNotice } from './webhook-notice.tsx';

interface Opened {
  /** An amount to buy: the dialog is open with it. */
  readonly buy: string | undefined;
  readonly editAddress: boolean;
}

export function BillingPage(props: Opened) {
  const { may } = useSession();
  return may('billing.view') ? <Billing {...props} /> : <BillingHidden />;
}

function BillingHidden() {
  const { me, organization } = useSession();
  return (
    <Page title="Billing">
      <Notice tone="quiet" title={`Your role, ${roleName(me.role)}, does not include billing`}>
        <p>
          An admin or a billing member of {organization.name} can see the balance and buy credits.
        </p>
      </Notice>
    </Page>
  );
}

function Billing({ buy, editAddress }: Opened) {
  const { me, organization, may } = useSession();
  const billing = useQuery(billingQuery(organization.id));
  const [buying, setBuying] = useState(buy !== undefined);
  const mayBuy = may('billing.buy');

  // Coming back from the payment page with the browser's button restores this page as it was
  // left, dialog and all.
  useEffect(() => {
    const restored = (event: PageTransitionEvent) => {
      if (!event.persisted) return;
      setBuying(false);
      void billing.refetch();
    };
    window.addEventListener('pageshow', restored);
    return () => window.removeEventListener('pageshow', restored);
  }, [billing.refetch]);

  return (
    <Page
      title="Billing"
      lead={`Prepaid credits of ${organization.name}. One dollar buys one dollar of credits.`}
      actions={
        mayBuy && (
          <button
            type="button"
            className="button button-primary"
            disabled={billing.data === undefined}
            onClick={() => setBuying(true)}
          >
            Buy credits
          </button>
        )
      }
    >
      {billing.isError && billing.data === undefined && (
        <Problem error={billing.error} retry={() => void billing.refetch()} />
      )}
      <AnomalyNotices on="elsewhere" />
      {billing.isPending && <BalanceSkeleton />}
      {billing.data !== undefined && (
        <div className="billing-now">
          <Balance billing={billing.data} />
          <Runway organizationId={organization.id} available={billing.data.available_usd} />
        </div>
      )}
      {!mayBuy && (
        <Notice tone="quiet" title={`Your role, ${roleName(me.role)}, cannot buy credits`}>
          <p>An admin or a billing member of {organization.name} can.</p>
        </Notice>
      )}
      {billing.data?.open_purchase != null && (
        <PurchaseCard purchase={billing.data.open_purchase} mayBuy={mayBuy} />
      )}
      {mayBuy && billing.data !== undefined && (
        <StarterOffer organizationId={organization.id} grants={billing.data.grants} />
      )}
      {mayBuy && billing.data?.webhooks_silent === true && <WebhookNotice />}
      {billing.data !== undefined && <Watching organizationId={organization.id} mayEdit={mayBuy} />}
      <div className="billing-pair">
        <CardsSection organizationId={organization.id} mayEdit={mayBuy} />
        <ReloadSection organizationId={organization.id} mayEdit={mayBuy} />
        <DetailsSection organizationId={organization.id} mayEdit={mayBuy} open={editAddress} />
      </div>
      {(billing.isPending || billing.data !== undefined) && (
        <Section title="Credit grants">
          {billing.data === undefined ? (
            <Skeleton rows={3} label="Loading credit grants" />
          ) : (
            <GrantTable grants={billing.data.grants} />
          )}
        </Section>
      )}
      <Section title="Statement">
        <History organizationId={organization.id} version={billing.data?.available_usd} />
      </Section>
      {buying && mayBuy && billing.data !== undefined && (
        <BuyDialog
          limits={billing.data.limits}
          cardConsent={billing.data.card_consent}
          {...(buy === undefined ? {} : { first: buy })}
          onClose={() => setBuying(false)}
        />
      )}
    </Page>
  );
}
