import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useId, useState } from 'react';
import type { CardList, SavedCard } from '#console-api/billing/contract';
import { beginSetup } from '../../api/billing-details.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Problem } from '../../ui/problem.tsx';
import { cardName } from './card-words.ts';
import { drawNonce } from './nonce.ts';
import { openPaymentPage } from './payment-page.ts';

/** What is agreed to, then away to the processor's page: no card number is ever entered here. */
export function AddCardDialog(props: {
  consent: CardList['consent'];
  replaces?: SavedCard;
  onClose: () => void;
}) {
  const { consent, replaces } = props;
  const box = useId();
  const [agreed, setAgreed] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [nonce] = useState(drawNonce);
  const [leaving, setLeaving] = useState(false);
  const begin = useMutation({
    mutationFn: () => beginSetup(nonce, consent.version, replaces?.id),
    onSuccess: (setup) => {
      if (setup.redirect_url === null) return;
      setLeaving(true);
      openPaymentPage(setup.redirect_url);
    },
  });
  const busy = begin.isPending || leaving;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    if (!agreed) return setProblem('Agree to this first, or leave the card unsaved.');
    setProblem(undefined);
    begin.mutate();
  };
  const refused = begin.data?.failure ?? null;

  return (
    <Dialog
      title={replaces === undefined ? 'Save a card' : `Replace ${cardName(replaces)}`}
      onClose={props.onClose}
    >
      <form className="form" onSubmit={submit} noValidate>
        <p>
          {replaces === undefined
            ? 'You enter the card on the processor’s page. Nothing is charged for saving it.'
            : 'You enter the new card on the processor’s page. The old one is removed once the new one is saved; nothing is charged.'}
        </p>
        <div className="consent">
          <input
            type="checkbox"
            id={box}
            checked={agreed}
            aria-invalid={problem !== undefined}
            aria-describedby={problem === undefined ? undefined : `${box}-problem`}
            onChange={(event) => {
              setAgreed(event.target.checked);
              setProblem(undefined);
            }}
          />
          <label htmlFor={box}>{consent.text}</label>
        </div>
        <div role="alert" id={`${box}-problem`} className="field-problem">
          {problem}
        </div>
        {begin.isError && <Problem error={begin.error} />}
        {refused !== null && (
          <Notice tone="bad" title={refused.title}>
            <p>{refused.next_step}</p>
          </Notice>
        )}
        <div className="dialog-foot">
          <button type="button" className="button" onClick={props.onClose}>
            Cancel
          </button>
          <button type="submit" className="button button-primary" aria-disabled={busy}>
            {busy ? 'Opening the card page…' : 'Continue to the card page'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
