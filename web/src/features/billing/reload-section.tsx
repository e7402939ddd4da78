import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ReloadResponse } from '#console-api/reload/contract';
import { reloadQuery, saveReload } from '../../api/auto-reload.ts';
import { Money } from '../../ui/amount.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Badge, Notice, type Tone } from '../../ui/notice.tsx';
import { Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { ReloadDialog } from './reload-dialog.tsx';

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
  const reload = useQuery(reloadQuery(organizationId));
  const [editing, setEditing] = useState(false);
  const takeOver = (answer: ReloadResponse) => {
    queries.setQueryData(reloadQuery(organizationId).queryKey, answer);
    // It may have bought at once.
    void queries.invalidateQueries({ queryKey: [organizationId] });
  };
  const { data } = reload;
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
    <Section title="Auto-reload" actions={actions}>
      {reload.isPending && <Skeleton rows={2} label="Loading auto-reload" />}
      {reload.isError && data === undefined && (
        <Problem error={reload.error} retry={() => void reload.refetch()} />
      )}
      {off.isError && <Problem error={off.error} />}
      {data !== undefined && <Setting reload={data} />}
      {data !== undefined && data.evaluations.length > 0 && <Answers reload={data} />}
      {editing && data !== undefined && (
        <ReloadDialog reload={data} onSaved={takeOver} onClose={() => setEditing(false)} />
      )}
    </Section>
  );
}

function Setting({ reload }: { reload: ReloadResponse }) {
  const { tone, word } = STATUS[reload.status];
  return (
    <>
      <p>
        <Badge tone={tone}>{word}</Badge>{' '}
        {reload.enabled ? (
          <>
            Below <Money usd={reload.threshold_usd} />, credits are bought up to{' '}
            <Money usd={reload.target_usd} />; at most {reload.max_per_day} times a day
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
      {reload.status === 'paused' && reload.paused_words !== null && (
        <Notice tone="warning" title="No card is charged for now">
          <p>{reload.paused_words}</p>
        </Notice>
      )}
    </>
  );
}

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
              {one.times > 1 && `, ${one.times} times`}: <Money usd={one.counted_usd} /> of{' '}
              <Money usd={one.threshold_usd} />
              {one.until !== null && (
                <>
                  {' '}
                  · asked again <Moment at={one.until} show="day and time" />
                </>
              )}
            </p>
          </li>
        ))}
      </ol>
    </details>
  );
}
