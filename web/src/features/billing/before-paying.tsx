import type { Quote } from '#console-api/billing/contract';
import { Moment } from '../../ui/moment.tsx';
import { Notice } from '../../ui/notice.tsx';
import { cardName } from './card-words.ts';

/** What stands in the way of a purchase, or will, said before anybody is sent to pay. */
export function BeforePaying(props: { quote: Quote; onAddress: () => void }) {
  const { refusal, resting_cards: resting, tax_note: note } = props.quote;
  const aboutAddress = refusal !== null && (refusal.class === 'FIX' || refusal.class === 'REGION');
  return (
    <>
      {refusal !== null && (
        <Notice tone="warning" title={refusal.title}>
          <p>{refusal.message}</p>
          {aboutAddress ? (
            <button type="button" className="button" onClick={props.onAddress}>
              {refusal.code === 'billing_address_needed'
                ? 'Enter billing address'
                : 'Change billing address'}
            </button>
          ) : (
            <p>{refusal.next_step}</p>
          )}
        </Notice>
      )}
      {refusal === null && note === 'not_known_yet' && (
        <Notice tone="quiet" title="The tax is not known yet">
          <p>You see the total once more before you are taken to the payment page.</p>
        </Notice>
      )}
      {resting.map((card) => (
        <Notice key={`${card.brand} ${card.last4}`} tone="quiet" title="One card is being rested">
          <p>
            {cardName(card)} was refused in a way that forbids sending it again before{' '}
            <Moment at={card.until} show="day and time" />. Any other card can be used now.
          </p>
        </Notice>
      ))}
    </>
  );
}
