import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { type Anomaly, WATCH_CHOICES, type WatchResponse } from '#console-api/watch/contract';
import { setWatch, useWatch, watchQuery } from '../../api/spend-watch.ts';
import { useSession } from '../../api/use-session.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { SelectField } from '../../ui/select-field.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { evidence, outcome, WATCH_WORDS } from './words.ts';

/** What is done about unusual spending, who said so, and what was found lately. */
export function WatchSection({ mayManage }: { mayManage: boolean }) {
  const watch = useWatch();
  const [editing, setEditing] = useState(false);
  const { data } = watch;
  const change = mayManage && data !== undefined && (
    <button type="button" className="button" onClick={() => setEditing(true)}>
      Change
      <span className="visually-hidden"> what is done about unusual spending</span>
    </button>
  );
  return (
    <Section title="Unusual spending" actions={change}>
      {watch.isPending && <Skeleton rows={2} label="Loading unusual spending" />}
      {data === undefined && watch.isError && (
        <Problem error={watch.error} retry={() => void watch.refetch()} />
      )}
      {data !== undefined && (
        <>
          <p className="prose">
            <strong>{WATCH_WORDS[data.action].choice}.</strong> {WATCH_WORDS[data.action].sentence}{' '}
            <SetBy set={data.set} />
          </p>
          {data.anomalies.length > 0 && <AnomalyTable anomalies={data.anomalies} />}
        </>
      )}
      {editing && data !== undefined && (
        <WatchDialog action={data.action} onClose={() => setEditing(false)} />
      )}
    </Section>
  );
}

function SetBy({ set }: { set: WatchResponse['set'] }) {
  if (set === null) return <span className="hint">Nobody has changed this yet.</span>;
  return (
    <span className="hint">
      Set by {set.by} on <Moment at={set.at} />.
    </span>
  );
}

function AnomalyTable({ anomalies }: { anomalies: readonly Anomaly[] }) {
  return (
    <table className="table stack">
      <caption className="visually-hidden">Unusual spending, the newest first</caption>
      <thead>
        <tr>
          <th scope="col">Who</th>
          <th scope="col">Spent</th>
          <th scope="col">Outcome</th>
        </tr>
      </thead>
      <tbody>
        {anomalies.map((anomaly) => (
          <tr key={anomaly.id} className={anomaly.state === 'open' ? undefined : 'row-past'}>
            <th scope="row">
              {anomaly.subject}
              <span className="below hint">
                <Moment at={anomaly.opened_at} show="day and time" />
              </span>
            </th>
            <td data-label="Spent">{evidence(anomaly)}</td>
            <td data-label="Outcome">
              <span>
                {outcome(anomaly)}
                {anomaly.ended_at !== null && (
                  <span className="below hint">
                    <Moment at={anomaly.ended_at} show="day and time" />
                  </span>
                )}
              </span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function WatchDialog(props: { action: WatchResponse['action']; onClose: () => void }) {
  const { organization } = useSession();
  const queries = useQueryClient();
  const [action, setAction] = useState(props.action);
  const save = useMutation({
    mutationFn: setWatch,
    onSuccess: async () => {
      await queries.invalidateQueries(watchQuery(organization.id));
      props.onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!save.isPending) save.mutate({ action });
  };
  return (
    <Dialog title="Unusual spending" onClose={props.onClose}>
      <form className="form" onSubmit={submit} noValidate>
        <SelectField
          label="When a key spends far faster than it ever did"
          name="action"
          value={action}
          options={WATCH_CHOICES.map((one) => [one, WATCH_WORDS[one].choice] as const)}
          hint={WATCH_WORDS[action].sentence}
          onChange={(value) => {
            const one = WATCH_CHOICES.find((known) => known === value);
            if (one !== undefined) setAction(one);
          }}
        />
        {save.isError && <Problem error={save.error} />}
        <div className="dialog-foot">
          <button type="button" className="button" onClick={props.onClose}>
            Cancel
          </button>
          <button type="submit" className="button button-primary" disabled={save.isPending}>
            {save.isPending ? 'Saving…' : 'Save'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
