import type { LimitChange } from '#console-api/contract';
import { Moment } from '../../ui/moment.tsx';
import { exactText } from '../../ui/money-text.ts';
import { ACTIONS, LEVELS, SETTERS } from './words.ts';

/** Who set which limit, and when: the latest first. */
export function LimitChanges({ changes }: { changes: readonly LimitChange[] }) {
  return (
    <details className="answers">
      <summary>Who set what, when</summary>
      <ol className="answers-list">
        {changes.map((change) => (
          <li key={change.id}>
            <p>
              {LEVELS[change.level]} <strong>{change.subject}</strong>: {changed(change)}
            </p>
            <p className="hint">
              {change.set_by} ({SETTERS[change.set_by_kind]}),{' '}
              <Moment at={change.at} show="day and time" />
            </p>
          </li>
        ))}
      </ol>
    </details>
  );
}

/** From what to what. The page shows amounts whole: a limit is what somebody typed. */
function changed({ amount_usd: amount, before_usd: before, action }: LimitChange): string {
  const from = before === null ? '' : `${exactText(before)} → `;
  if (amount === null || action === null) return `${from}no limit`;
  return `${from}${exactText(amount)} a month, ${ACTIONS[action].line}`;
}
