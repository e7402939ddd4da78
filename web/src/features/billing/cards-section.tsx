import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { CardList, SavedCard } from '#console-api/billing/contract';
import { cardsQuery, changeCard } from '../../api/billing-details.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Badge, Empty, Notice } from '../../ui/notice.tsx';
import { Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { AddCardDialog } from './add-card-dialog.tsx';
import { cardName, expiryText } from './card-words.ts';

type Asked =
  | { readonly what: 'add' }
  | { readonly what: 'replace'; readonly card: SavedCard }
  | { readonly what: 'remove'; readonly card: SavedCard };

/** Cards kept for later: which is charged by default, which ends soon, and how one is changed. */
export function CardsSection(props: { organizationId: string; mayEdit: boolean }) {
  const { organizationId, mayEdit } = props;
  const queries = useQueryClient();
  const cards = useQuery(cardsQuery(organizationId));
  const [asked, setAsked] = useState<Asked>();
  const takeOver = (list: CardList) => {
    queries.setQueryData(cardsQuery(organizationId).queryKey, list);
    // Another card may let auto-reload go on, which buys at once.
    void queries.invalidateQueries({ queryKey: [organizationId] });
  };
  const prefer = useMutation({
    mutationFn: (id: string) => changeCard(id, 'default'),
    onSuccess: takeOver,
  });
  const close = () => setAsked(undefined);
  const { data } = cards;

  const add = mayEdit && data !== undefined && (
    <button type="button" className="button button-plain" onClick={() => setAsked({ what: 'add' })}>
      Save a card
    </button>
  );
  return (
    <Section title="Cards" id="cards" actions={add}>
      {cards.isPending && <Skeleton rows={2} label="Loading saved cards" />}
      {cards.isError && data === undefined && (
        <Problem error={cards.error} retry={() => void cards.refetch()} />
      )}
      {prefer.isError && <Problem error={prefer.error} />}
      {data?.current === false && (
        <Notice tone="quiet" title="The payment processor could not be asked">
          <p>These are the cards as last known.</p>
        </Notice>
      )}
      {data?.data.length === 0 && (
        <Empty title="No saved card">
          <p>
            Buying does not need one. Auto-reload does, and it starts only when you switch it on.
          </p>
        </Empty>
      )}
      {data !== undefined && data.data.length > 0 && (
        <ul className="cards">
          {data.data.map((card) => (
            <Card
              key={card.id}
              card={card}
              busy={prefer.isPending}
              onPrefer={mayEdit ? () => prefer.mutate(card.id) : undefined}
              onAsk={mayEdit ? setAsked : undefined}
            />
          ))}
        </ul>
      )}
      {asked?.what === 'add' && data !== undefined && (
        <AddCardDialog consent={data.consent} onClose={close} />
      )}
      {asked?.what === 'replace' && data !== undefined && (
        <AddCardDialog consent={data.consent} replaces={asked.card} onClose={close} />
      )}
      {asked?.what === 'remove' && (
        <RemoveCardDialog card={asked.card} onDone={takeOver} onClose={close} />
      )}
    </Section>
  );
}

function Card(props: {
  card: SavedCard;
  busy: boolean;
  onPrefer: (() => void) | undefined;
  onAsk: ((asked: Asked) => void) | undefined;
}) {
  const { card, onAsk, onPrefer } = props;
  const name = cardName(card);
  return (
    <li className="card">
      <div className="card-facts">
        <p className="card-name">
          {name} {card.is_default && <Badge tone="good">Default</Badge>}
        </p>
        <p className="hint">
          {card.expiry === 'expired' ? 'Ended' : 'Good through'} {expiryText(card)}
        </p>
        <CardNotes card={card} />
      </div>
      {onAsk !== undefined && (
        <div className="card-actions">
          {!card.is_default && card.expiry !== 'expired' && (
            <button
              type="button"
              className="button button-plain"
              aria-label={`Make default: ${name}`}
              disabled={props.busy}
              onClick={onPrefer}
            >
              Make default
            </button>
          )}
          <button
            type="button"
            className="button button-plain"
            aria-label={`Replace: ${name}`}
            onClick={() => onAsk({ what: 'replace', card })}
          >
            Replace
          </button>
          <button
            type="button"
            className="button button-plain"
            aria-label={`Remove: ${name}`}
            onClick={() => onAsk({ what: 'remove', card })}
          >
            Remove
          </button>
        </div>
      )}
    </li>
  );
}

function CardNotes({ card }: { card: SavedCard }) {
  return (
    <>
      {card.expiry === 'ends_soon' && (
        <p className="card-warning">
          This card ends soon. Replace it, so that auto-reload does not stop; banks often send the
          new date by themselves.
        </p>
      )}
      {card.expiry === 'expired' && (
        <p className="card-warning">
          This card has ended and can no longer be charged. Replace it.
        </p>
      )}
      {card.attended_only === 'holder_must_be_present' && (
        <p className="hint">
          For buying in person only: banks in India do not let a card be charged by auto-reload.
        </p>
      )}
      {card.attended_only === 'country_not_sold_to' && (
        <p className="hint">
          For buying in person only: it was issued in a country that credits are not sold to.
        </p>
      )}
      {card.rests_until !== null && (
        <p className="card-warning">
          Not sent again before <Moment at={card.rests_until} show="day and time" />, because the
          bank refused it. Any other card can be used now.
        </p>
      )}
    </>
  );
}

function RemoveCardDialog(props: {
  card: SavedCard;
  onDone: (list: CardList) => void;
  onClose: () => void;
}) {
  const { card } = props;
  const remove = useMutation({
    mutationFn: () => changeCard(card.id, 'remove'),
    onSuccess: (list) => {
      props.onDone(list);
      props.onClose();
    },
  });
  return (
    <Dialog title={`Remove ${cardName(card)}?`} onClose={props.onClose}>
      <p>
        {card.is_default
          ? 'It is the default card: auto-reload has no card to charge until another one is chosen.'
          : 'It can no longer be charged.'}{' '}
        To use it again it has to be entered anew.
      </p>
      {remove.isError && <Problem error={remove.error} />}
      <div className="dialog-foot">
        <button type="button" className="button" onClick={props.onClose}>
          Keep the card
        </button>
        <button
          type="button"
          className="button button-danger"
          disabled={remove.isPending}
          onClick={() => remove.mutate()}
        >
          {remove.isPending ? 'Removing…' : 'Remove card'}
        </button>
      </div>
    </Dialog>
  );
}
