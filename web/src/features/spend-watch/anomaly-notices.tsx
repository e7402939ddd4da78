import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import type { Anomaly } from '#console-api/watch/contract';
import { changeKey, keysQuery } from '../../api/keys.ts';
import { callExpected, useWatch, watchQuery } from '../../api/spend-watch.ts';
import { useSession } from '../../api/use-session.ts';
import { Moment } from '../../ui/moment.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Problem } from '../../ui/problem.tsx';
import { evidence, headline } from './words.ts';

/** Whatever spends unusually fast and nobody has answered yet; nothing at all if all is well. */
export function AnomalyNotices({ on }: { on: 'keys' | 'elsewhere' }) {
  const watch = useWatch();
  const open = watch.data?.anomalies.filter(({ state }) => state === 'open') ?? [];
  return open.map((anomaly) => <AnomalyNotice key={anomaly.id} anomaly={anomaly} on={on} />);
}

function AnomalyNotice({ anomaly, on }: { anomaly: Anomaly; on: 'keys' | 'elsewhere' }) {
  const { organization, may } = useSession();
  const queries = useQueryClient();
  const paused = anomaly.paused_at !== null;
  const answer = useMutation({
    mutationFn: () => (paused ? changeKey(anomaly.subject_id, 'resume') : callExpected(anomaly.id)),
    onSettled: () =>
      Promise.all([
        queries.invalidateQueries(watchQuery(organization.id)),
        queries.invalidateQueries(keysQuery(organization.id)),
      ]),
  });
  return (
    <Notice tone="warning" title={headline(anomaly)}>
      <p>
        {evidence(anomaly)} Noticed <Moment at={anomaly.opened_at} show="day and time" />.
      </p>
      <Advice anomaly={anomaly} on={on} />
      {answer.isError && <Problem error={answer.error} />}
      {may('keys.manage') && (
        <button
          type="button"
          className="button"
          disabled={answer.isPending}
          onClick={() => answer.mutate()}
        >
          {paused ? 'Resume key' : 'This is expected'}
          <span className="visually-hidden">: {anomaly.subject}</span>
        </button>
      )}
    </Notice>
  );
}

function Advice({ anomaly, on }: { anomaly: Anomaly; on: 'keys' | 'elsewhere' }) {
  const keys = on === 'keys' ? 'below' : <Link to="/settings/keys">under API keys</Link>;
  if (anomaly.level === 'organization') {
    return <p className="hint">If you do not know why, look through your keys {keys}.</p>;
  }
  return (
    <p className="hint">
      If you do not know why, somebody else may have the key: revoke it {keys} and create another.
    </p>
  );
}
