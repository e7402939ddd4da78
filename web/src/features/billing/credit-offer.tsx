import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { Grant } from '#console-api/contract';
import type { StarterOffer as Offer } from '#console-api/starter/contract';
import { billingQuery } from '../../api/billing.ts';
import { cardsQuery } from '../../api/billing-details.ts';
import { askForStarter, starterQuery } from '../../api/starter-credit.ts';
import { useSession } from '../../api/use-session.ts';
import { Notice } from '../../ui/notice.tsx';
import { Problem } from '../../ui/problem.tsx';
import { AddCardDialog } from './add-card-dialog.tsx';

/**
 * Credit to begin with, where whoever runs this gives it: what it needs, and how it is had. Once it
 * is given it is a line among the grants like any other, and this is gone.
 */
export function StarterOffer(props: { organizationId: string; grants: readonly Grant[] }) {
  const { organizationId, grants } = props;
  const queries = useQueryClient();
  // Looking at the cards may find one that was saved in a window that was closed, and give it.
  const cards = useQuery(cardsQuery(organizationId));
  const starter = useQuery({ ...starterQuery(organizationId), enabled: cards.isFetched });
  const ask = useMutation({
    mutationFn: askForStarter,
    onSuccess: (answer) => {
      queries.setQueryData(starterQuery(organizationId).queryKey, answer);
      void queries.invalidateQueries({ queryKey: [organizationId] });
    },
  });
  const offer = starter.data?.offer ?? null;
  const grantId = offer?.grant_id ?? null;
  const unseen = grantId !== null && grants.every(({ id }) => id !== grantId);
  useEffect(() => {
    if (unseen) void queries.invalidateQueries(billingQuery(organizationId));
  }, [unseen, queries, organizationId]);

  if (offer === null) return null;
  if (offer.status === 'given') return ask.isSuccess ? <Given offer={offer} /> : null;
  // Who buys already needs no reminder of a gift that is not for them.
  if (offer.status === 'refused') {
    return grants.length === 0 || ask.isSuccess ? <Refused offer={offer} /> : null;
  }
  return (
    <Notice tone="quiet" title={offer.title}>
      <p>{offer.text}</p>
      {ask.isError && <Problem error={ask.error} />}
      {offer.status === 'ready' ? (
        <button
          type="button"
          className="button"
          aria-disabled={ask.isPending}
          onClick={() => ask.isPending || ask.mutate()}
        >
          {ask.isPending ? 'Adding…' : offer.next_step}
        </button>
      ) : (
        <SaveCard organizationId={organizationId} words={offer.next_step} />
      )}
    </Notice>
  );
}

function SaveCard(props: { organizationId: string; words: string }) {
  const cards = useQuery(cardsQuery(props.organizationId));
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        className="button"
        disabled={cards.data === undefined}
        onClick={() => setOpen(true)}
      >
        {props.words}
      </button>
      {open && cards.data !== undefined && (
        <AddCardDialog consent={cards.data.consent} onClose={() => setOpen(false)} />
      )}
    </>
  );
}

/** After a card was saved: whether it brought the starter credit, and if not, why not. */
export function StarterOutcome({ cardId }: { cardId: string | null }) {
  const { organization, may } = useSession();
  const queries = useQueryClient();
  const starter = useQuery(starterQuery(organization.id));
  const offer = starter.data?.offer ?? null;
  const given = offer?.status === 'given';
  // The balance elsewhere is another one since.
  useEffect(() => {
    if (given) void queries.invalidateQueries(billingQuery(organization.id));
  }, [given, queries, organization.id]);

  if (offer === null || !may('billing.buy')) return null;
  if (offer.status === 'given') return offer.card_id === cardId ? <Given offer={offer} /> : null;
  return offer.status === 'refused' ? <Refused offer={offer} /> : null;
}

function Given({ offer }: { offer: Offer }) {
  return (
    <Notice tone="good" title={offer.title}>
      <p>{offer.text}</p>
      <p>{offer.next_step}</p>
    </Notice>
  );
}

function Refused({ offer }: { offer: Offer }) {
  return (
    <Notice tone="quiet" title={offer.title}>
      <p>{offer.text}</p>
      <p>{offer.next_step}</p>
    </Notice>
  );
}
