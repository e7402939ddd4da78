import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { Quote } from '#console-api/billing/contract';
import type { BillingResponse, Purchase } from '#console-api/contract';
import { beginPurchase, billingQuery } from '../../api/billing.ts';
import { detailsQuery, quoteQuery } from '../../api/billing-details.ts';
import { Refusal } from '../../api/client.ts';
import { useSession } from '../../api/use-session.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { exactText } from '../../ui/money-text.ts';
import { Notice } from '../../ui/notice.tsx';
import { Problem } from '../../ui/problem.tsx';
import { firstAmount, type Limits, readAmount } from './amount-entry.ts';
import { BeforePaying } from './before-paying.tsx';
import { DetailsForm } from './details-form.tsx';
import { EstimateBox } from './estimate.tsx';
import { KeepCard } from './keep-card.tsx';
import { drawNonce, nonceBook } from './nonce.ts';
import { openPaymentPage } from './payment-page.ts';
import { ThingsToCheck } from './things-to-check.tsx';
import { Total, TotalOf } from './total.tsx';
import { useSettled } from './use-settled.ts';

type CardConsent = BillingResponse['card_consent'];

const QUICK_CHOICES = ['5', '25', '100'] as const;

/** Amount, total, and away to the payment page: no card number is ever entered here. */
export function BuyDialog(props: {
  limits: Limits;
  cardConsent: CardConsent;
  first?: string;
  onClose: () => void;
}) {
  const { organization } = useSession();
  const details = useQuery(detailsQuery(organization.id));
  const [atAddress, setAtAddress] = useState(false);
  const [typed, setTyped] = useState(() => firstAmount(props.first, props.limits));
  const [keeps, setKeeps] = useState(false);
  const [taxed, setTaxed] = useState<Purchase>();

  if (taxed !== undefined) return <TaxedTotal purchase={taxed} onClose={props.onClose} />;
  if (atAddress && details.data !== undefined) {
    const back = () => setAtAddress(false);
    return (
      <Dialog key="address" title="Billing address" onClose={props.onClose}>
        <DetailsForm response={details.data} onSaved={back} onCancel={back} />
      </Dialog>
    );
  }
  return (
    <AmountDialog
      limits={props.limits}
      typed={typed}
      onType={setTyped}
      consent={props.cardConsent}
      keeps={keeps}
      onKeeps={setKeeps}
      onAddress={() => setAtAddress(true)}
      onTaxed={setTaxed}
      onClose={props.onClose}
    />
  );
}

interface AmountProps {
  readonly limits: Limits;
  readonly typed: string;
  onType(typed: string): void;
  readonly consent: CardConsent;
  /** The card that pays is to be kept, by the consent that is shown. */
  readonly keeps: boolean;
  onKeeps(keeps: boolean): void;
  onAddress(): void;
  /** The total turned out to be another than the one on the screen. */
  onTaxed(purchase: Purchase): void;
  onClose(): void;
}

function AmountDialog(props: AmountProps) {
  const { limits, typed, consent, keeps } = props;
  const { organization } = useSession();
  const queries = useQueryClient();
  const [problem, setProblem] = useState<string>();
  const [nonceFor] = useState(() => nonceBook(drawNonce));
  const [leaving, setLeaving] = useState(false);
  const entry = readAmount(typed, limits);
  const usd = entry.outcome === 'accepted' ? entry.usd : undefined;
  const asked = useQuery(quoteQuery(organization.id, useSettled(usd)));
  const quote = asked.data?.amount_usd === usd ? asked.data : undefined;
  const debt = useQuery(billingQuery(organization.id)).data?.debt_notice ?? null;

  const begin = useMutation({
    mutationFn: (amount: string) =>
      beginPurchase(amount, nonceFor(amount, keeps), keeps ? consent?.version : undefined),
    onSuccess: (purchase) => {
      void queries.invalidateQueries(billingQuery(organization.id));
      if (purchase.redirect_url === null) return props.onClose();
      // Nobody is sent to pay more than the total that was on the screen.
      const shown = quote?.total_usd ?? purchase.amount_usd;
      if (purchase.total_usd !== shown) return props.onTaxed(purchase);
      setLeaving(true);
      openPaymentPage(purchase.redirect_url);
    },
    onError: (error) => {
      if (error instanceof Refusal && error.field === 'amount_usd') setProblem(error.message);
    },
  });
  const choose = (amount: string) => {
    props.onType(amount);
    setProblem(undefined);
    begin.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (begin.isPending || leaving || quote?.refusal != null) return;
    if (entry.outcome === 'refused') return setProblem(entry.sentence);
    setProblem(undefined);
    begin.mutate(entry.usd);
  };

  return (
    <Dialog title="Buy credits" onClose={props.onClose}>
      <form className="form" onSubmit={submit} noValidate>
        {debt !== null && (
          <Notice tone="warning" title="Something is owed">
            <p>{debt}</p>
          </Notice>
        )}
        <Field
          label="Amount in US dollars"
          hint={`From ${exactText(limits.minimum_usd)} to ${exactText(limits.maximum_usd)}.`}
          before="$"
          name="amount_usd"
          inputMode="decimal"
          autoComplete="off"
          value={typed}
          problem={problem}
          onChange={(event) => choose(event.target.value)}
        />
        <QuickChoices chosen={usd} onChoose={choose} />
        <EstimateBox usd={usd} />
        <Total usd={usd} quote={quote} busy={asked.isFetching} />
        {quote !== undefined && <BeforePaying quote={quote} onAddress={props.onAddress} />}
        {begin.isError && problem === undefined && <Problem error={begin.error} />}
        <p className="hint">
          You pay on the processor’s page; no card is entered here. Bought credits expire one year
          after the purchase and are not refundable.
        </p>
        {consent !== undefined && (
          <KeepCard text={consent.text} keeps={keeps} onKeeps={props.onKeeps} />
        )}
        {quote !== undefined && <ThingsToCheck advice={quote} />}
        <BuyFoot
          onClose={props.onClose}
          busy={begin.isPending || leaving}
          barred={quote?.refusal ?? null}
        />
      </form>
    </Dialog>
  );
}

function QuickChoices(props: { chosen: string | undefined; onChoose: (usd: string) => void }) {
  return (
    <fieldset className="choices">
      <legend className="visually-hidden">Quick choices</legend>
      {QUICK_CHOICES.map((usd) => (
        <button
          key={usd}
          type="button"
          className="button"
          aria-pressed={props.chosen === usd}
          onClick={() => props.onChoose(usd)}
        >
          ${usd}
        </button>
      ))}
    </fieldset>
  );
}

function BuyFoot(props: { onClose: () => void; busy: boolean; barred: Quote['refusal'] }) {
  return (
    <div className="dialog-foot">
      <button type="button" className="button" onClick={props.onClose}>
        Cancel
      </button>
      <button
        type="submit"
        className="button button-primary"
        aria-disabled={props.busy || props.barred !== null}
      >
        {props.busy ? 'Opening the payment page…' : 'Continue to payment'}
      </button>
    </div>
  );
}

function TaxedTotal({ purchase, onClose }: { purchase: Purchase; onClose: () => void }) {
  const { redirect_url: url } = purchase;
  return (
    <Dialog key="taxed" title="Buy credits" onClose={onClose}>
      <p>The total of this purchase, with tax:</p>
      <TotalOf purchase={purchase} />
      <div className="dialog-foot">
        <button type="button" className="button" onClick={onClose}>
          Not now
        </button>
        <button
          type="button"
          className="button button-primary"
          onClick={() => url !== null && openPaymentPage(url)}
        >
          Continue to payment
        </button>
      </div>
    </Dialog>
  );
}
