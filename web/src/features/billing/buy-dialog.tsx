import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { Purchase } from '#console-api/contract';
import { beginPurchase, billingQuery } from '../../api/billing.ts';
import { Refusal } from '../../api/client.ts';
import { useSession } from '../../api/use-session.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { exactText } from '../../ui/money-text.ts';
import { Problem } from '../../ui/problem.tsx';
import { type Limits, readAmount } from './amount-entry.ts';
import { drawNonce, nonceBook } from './nonce.ts';
import { openPaymentPage } from './payment-page.ts';
import { Total, TotalOf } from './total.tsx';

const QUICK_CHOICES = ['5', '25', '100'] as const;

/** Amount, total, and away to the payment page: no card number is ever entered here. */
export function BuyDialog({ limits, onClose }: { limits: Limits; onClose: () => void }) {
  const { organization } = useSession();
  const queries = useQueryClient();
  const [typed, setTyped] = useState('25');
  const [problem, setProblem] = useState<string>();
  const [nonceFor] = useState(() => nonceBook(drawNonce));
  const [taxed, setTaxed] = useState<Purchase>();
  const [leaving, setLeaving] = useState(false);
  const entry = readAmount(typed, limits);

  const begin = useMutation({
    mutationFn: (usd: string) => beginPurchase(usd, nonceFor(usd)),
    onSuccess: (purchase) => {
      void queries.invalidateQueries(billingQuery(organization.id));
      if (purchase.redirect_url === null) return onClose();
      // Nobody is sent to pay more than the total that was on the screen.
      if (purchase.total_usd !== purchase.amount_usd) return setTaxed(purchase);
      setLeaving(true);
      openPaymentPage(purchase.redirect_url);
    },
    onError: (error) => {
      if (error instanceof Refusal && error.field === 'amount_usd') setProblem(error.message);
    },
  });

  const choose = (usd: string) => {
    setTyped(usd);
    setProblem(undefined);
    begin.reset();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (begin.isPending || leaving) return;
    if (entry.outcome === 'refused') return setProblem(entry.sentence);
    setProblem(undefined);
    begin.mutate(entry.usd);
  };

  if (taxed !== undefined) return <TaxedTotal purchase={taxed} onClose={onClose} />;
  return (
    <Dialog title="Buy credits" onClose={onClose}>
      <form className="form" onSubmit={submit} noValidate>
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
        <fieldset className="choices">
          <legend className="visually-hidden">Quick choices</legend>
          {QUICK_CHOICES.map((usd) => (
            <button
              key={usd}
              type="button"
              className="button"
              aria-pressed={entry.outcome === 'accepted' && entry.usd === usd}
              onClick={() => choose(usd)}
            >
              ${usd}
            </button>
          ))}
        </fieldset>
        <Total usd={entry.outcome === 'accepted' ? entry.usd : undefined} />
        <p className="hint">
          You pay on the processor’s page; no card is entered here. Bought credits expire one year
          after the purchase and are not refundable.
        </p>
        {begin.isError && problem === undefined && <Problem error={begin.error} />}
        <div className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            className="button button-primary"
            aria-disabled={begin.isPending || leaving}
          >
            {begin.isPending || leaving ? 'Opening the payment page…' : 'Continue to payment'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function TaxedTotal({ purchase, onClose }: { purchase: Purchase; onClose: () => void }) {
  const { redirect_url: url } = purchase;
  return (
    <Dialog key="taxed" title="Buy credits" onClose={onClose}>
      <p>Tax applies to this purchase.</p>
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
