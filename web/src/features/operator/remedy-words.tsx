import type { Remedy } from '#console-api/operator/contract';
import { Moment } from '../../ui/moment.tsx';
import { Notice, type Tone } from '../../ui/notice.tsx';

const WORDS: Readonly<
  Record<Remedy['state'], { readonly tone: Tone; credit: string; refund: string }>
> = {
  requested: { tone: 'quiet', credit: 'Being credited…', refund: 'Being refunded…' },
  pending: {
    tone: 'quiet',
    credit: 'Being credited…',
    refund: 'The refund is on its way; the card’s bank still has to take it',
  },
  done: { tone: 'good', credit: 'Credited', refund: 'Refunded' },
  failed: { tone: 'bad', credit: 'It could not be credited', refund: 'It could not be refunded' },
};

/** What was decided about a payment, by whom, why, and what became of it. */
export function RemedyWords({ remedy, to }: { remedy: Remedy; to?: string | undefined }) {
  const words = WORDS[remedy.state];
  const credited = remedy.state === 'done' && remedy.kind === 'credit' && to !== undefined;
  return (
    <Notice tone={words.tone} title={credited ? `Credited to ${to}` : words[remedy.kind]}>
      {remedy.failure !== null && <p>Because {remedy.failure}.</p>}
      <p>
        Decided by {remedy.by}, <Moment at={remedy.at} show="day and time" />: “{remedy.reason}”
      </p>
      {remedy.purchase_id !== null && (
        <p>
          Its purchase: <span className="op-id">{remedy.purchase_id}</span>
        </p>
      )}
    </Notice>
  );
}
