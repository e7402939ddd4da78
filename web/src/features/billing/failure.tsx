import { useQuery } from '@tanstack/react-query';
import type { Purchase, PurchaseFailure } from '#console-api/contract';
import { adviceQuery } from '../../api/billing-details.ts';
import { useSession } from '../../api/use-session.ts';
import { Notice } from '../../ui/notice.tsx';
import { cardName } from './card-words.ts';
import { NOT_CHARGED } from './purchase-words.ts';
import { ThingsToCheck } from './things-to-check.tsx';

const WHOSE_MOVE: Readonly<Record<NonNullable<PurchaseFailure['who_acts']>, string>> = {
  you: 'Your move',
  your_bank: 'Your bank’s move',
  us: 'On our side',
  nobody: 'Nothing to do but wait',
};

/** What happened, whether money moved, whose move it is, and the one next step. */
export function Failure({ failure }: { failure: PurchaseFailure }) {
  const card = failure.card ?? null;
  return (
    <Notice tone="bad" title={failure.title}>
      {card !== null && <p className="hint">{cardName(card)}</p>}
      <p>{failure.message}</p>
      {!failure.message.includes(NOT_CHARGED) && (
        <p>
          <strong>{NOT_CHARGED}</strong>
        </p>
      )}
      <p>
        {failure.who_acts !== undefined && (
          <span className="failure-who">{WHOSE_MOVE[failure.who_acts]}: </span>
        )}
        <span className="failure-step">{failure.next_step}</span>
      </p>
      <p className="hint">
        {/* Where the next step is to write to us, it has said what the reference is for. */}
        {failure.next_step.includes('reference below')
          ? 'Reference'
          : 'If you ask for help, give this reference:'}{' '}
        <code>{failure.reference}</code>
      </p>
    </Notice>
  );
}

/** The help below a refusal, from this purchase's own facts. Without an answer it is left out. */
export function FailureHelp(props: { purchase: Purchase; open: boolean }) {
  const { organization } = useSession();
  const advice = useQuery(adviceQuery(organization.id, props.purchase.id));
  return advice.data === undefined ? null : (
    <ThingsToCheck advice={advice.data} open={props.open} />
  );
}

/** What the button to the payment page promises, by what stands in the way. */
export function payAgainLabel(failure: PurchaseFailure | null): string {
  switch (failure?.class) {
    case 'FIX':
      return 'Correct it on the payment page';
    case 'AUTH':
      return 'Pay again and confirm';
    case 'BANK':
    case 'OTHER':
    case 'US':
    case 'REGION':
      return 'Pay with another card';
    default:
      return 'Try again on the payment page';
  }
}
