import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import type { SavedCard } from '#console-api/billing/contract';
import type { ReloadResponse } from '#console-api/reload/contract';
import { reloadQuery, saveReload } from '../../api/auto-reload.ts';
import { cardsQuery } from '../../api/billing-details.ts';
import { Money } from '../../ui/amount.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Badge, Notice, type Tone } from '../../ui/notice.tsx';
import { Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { cardName } from './card-words.ts';
import { ReloadDialog } from './reload-dialog.tsx';
import { chargedCard, heldBack, switchedOffBy } from './reload-words.ts';

const STATUS: Readonly<Record<ReloadResponse['status'], { tone: Tone; word: string }>> = {
  off: { tone: 'quiet', word: 'Off' },
  on: { tone: 'good', word: 'On' },
  paused: { tone: 'warning', word: 'Paused' },
  reloading: { tone: 'quiet', word: 'Reloading now' },
};

/** Credits that are bought by themselves: what is set, how it does, and why it did or did not. */
export function ReloadSection(props: { organizationId: string; mayEdit: boolean }) {
  const { organizationId, mayEdit } = props;
  const queries = useQueryClient();
  const reload = useQuery({
    ...reloadQuery(organizationId),
    // It ends by itself within seconds, and the page says how.
    refetchInterval: ({ state }) => (isUnderWay(state.data) ? 1_000 : false),
  });
  const cards = useQuery(cardsQuery(organizationId));
  const [editing, setEditing] = useState(false);
  const takeOver = (answer: ReloadResponse) => {
    queries.setQueryData(reloadQuery(organizationId).queryKey, answer);
    // It may have bought at once.
    void queries.invalidateQueries({ queryKey: [organizationId] });
  };
  const { data } = reload;
  const underWay = isUnderWay(data);
  const before = useRef(underWay);
  useEffect(() => {
    const ended = before.current && !underWay;
    before.current = underWay;
    if (ended) void queries.invalidateQueries({ queryKey: [organizationId] });
  }, [underWay, queries, organizationId]);
  const off = useMutation({
    mutationFn: (now: ReloadResponse) =>
      saveReload({
        enabled: false,
        threshold_usd: now.threshold_usd,
        target_usd: now.target_usd,
        max_per_day: now.max_per_day,
        max_usd_per_month: now.max_usd_per_month,
      }),
    onSuccess: takeOver,
  });

  const actions = mayEdit && data !== undefined && (
    <div className="section-actions">
      {data.enabled && (
        <button
          type="button"
          className="button button-plain"
          disabled={off.isPending}
          onClick={() => off.mutate(data)}
        >
          {off.isPending ? 'Switching off…' : 'Switch off'}
        </button>
      )}
      <button type="button" className="button button-plain" onClick={() => setEditing(true)}>
        {data.enabled ? 'Change' : 'Set up'}
      </button>
    </div>
  );
  return (
    <Section title="Auto-reload" id="auto-reload" actions={actions}>
      {reload.isPending && <Skeleton rows={2} label="Loading auto-reload" />}
      {reload.isError && data === undefined && (
        <Problem error={reload.error} retry={() => void reload.refetch()} />
      )}
      {off.isError && <Problem error={off.error} />}
      {data !== undefined && <Setting reload={data} cards={cards.data?.data} />}
      {data !== undefined && data.evaluations.length > 0 && <Answers reload={data} />}
      {editing && data !== undefined && (
        <ReloadDialog reload={data} onSaved={takeOver} onClose={() => setEditing(false)} />
      )}
    </Section>
  );
}

/** A card is being charged, or whether to charge it is being decided. */
const isUnderWay = (reload: ReloadResponse | undefined): boolean =>
  reload !== undefined && (reload.status === 'reloading' || (reload.checking && !reload.elsewhere));

function Setting(props: { reload: ReloadResponse; cards: readonly SavedCard[] | undefined }) {
  const { reload, cards } = props;
  const { tone, word } = STATUS[reload.status];
  const held = heldBack(reload);
  const card = cards && chargedCard(cards);
  const refunded = switchedOffBy(reload);
  return (
    <>
      <div className="reload-facts">
        <p>
          <Badge tone={tone}>{word}</Badge>
        </p>
        <p>
          {reload.enabled ? (
            <>
              Below <Money usd={reload.threshold_usd} />, credits are bought up to{' '}
              <Money usd={reload.target_usd} />; at most {times(reload.max_per_day)} a day
              {reload.max_usd_per_month !== null && (
                <>
                  {' '}
                  and <Money usd={reload.max_usd_per_month} /> a month
                </>
              )}
              .
            </>
          ) : (
            'Nothing is bought by itself. Requests are refused when the credits are used up.'
          )}
        </p>
        {reload.enabled && card !== undefined && card !== null && (
          <p className="hint">Charged to the default card, {cardName(card)}.</p>
        )}
      </div>
      {reload.enabled && reload.status !== 'paused' && card === null && (
        <Notice tone="warning" title="There is no card to charge">
          <p>Save a card, or make a saved one the default.</p>
        </Notice>
      )}
      {reload.checking && !reload.elsewhere && (
        <p className="hint" role="status">
          Saved. Whether credits are bought now is being looked at…
        </p>
      )}
      {reload.elsewhere && (
        <Notice tone="warning" title="No card of this page is charged">
          <p>
            Auto-reload was set in another deployment of this system, which has cards of its own.
            Change and save it here to have it charge a card of this one.
          </p>
        </Notice>
      )}
      {refunded !== undefined && (
        <Notice tone="warning" title="Switched off after a refund">
          <p>{refunded.words}</p>
        </Notice>
      )}
      {held !== undefined && card !== null && (
        <Notice tone="warning" title="No card is charged for now">
          <p>
            {held.words}
            {held.until !== null && (
              <>
                {' '}
                It is tried again from <Moment at={held.until} show="day and time" /> on.
              </>
            )}
          </p>
        </Notice>
      )}
      {reload.status === 'paused' && reload.paused_words !== null && (
        <Notice tone="warning" title="No card is charged for now">
          <p>{reload.paused_words}</p>
        </Notice>
      )}
    </>
  );
}

const times = (count: number): string => (count === 1 ? 'once' : `${count} times`);

function Answers({ reload }: { reload: ReloadResponse }) {
  return (
    <details className="answers">
      <summary>Why it did or did not reload</summary>
      <ol className="answers-list">
        {reload.evaluations.map((one) => (
          <li key={`${one.first_at} ${one.answer}`}>
            <p>{one.words}</p>
            <p className="hint">
              <Moment at={one.at} show="day and time" />
              {one.times > 1 && `, ${one.times} times`} · balance <Money usd={one.counted_usd} />,
              threshold <Money usd={one.threshold_usd} />
              {one.until !== null && (
                <>
                  {' '}
                  · to be asked again <Moment at={one.until} show="day and time" />
                </>
              )}
            </p>
          </li>
        ))}
      </ol>
    </details>
  );
}
