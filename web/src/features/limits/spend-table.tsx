import type { LimitsResponse, SpendLimit } from '#console-api/contract';
import { Exact } from '../../ui/amount.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Badge, Empty } from '../../ui/notice.tsx';
import { ACTIONS, LEVELS, SETTERS } from './words.ts';

export function SpendTable(props: {
  spending: LimitsResponse['spending'];
  /** Absent for people who may only look. */
  onChange: ((limit: SpendLimit) => void) | undefined;
}) {
  const { limits, resets_at: resetsAt } = props.spending;
  if (limits.length === 0) {
    return (
      <Empty title="No spend limits">
        <p>Requests are served for as long as there is credit.</p>
      </Empty>
    );
  }
  return (
    <>
      <table className="table stack">
        <caption className="visually-hidden">Spend limits</caption>
        <thead>
          <tr>
            <th scope="col">Applies to</th>
            <th scope="col">Limit a month</th>
            <th scope="col">Used this month</th>
            <th scope="col">Set by</th>
            {props.onChange !== undefined && (
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {limits.map((limit) => (
            <SpendRow
              key={`${limit.level} ${limit.subject_id}`}
              limit={limit}
              onChange={props.onChange}
            />
          ))}
        </tbody>
      </table>
      <p className="hint">
        A month is a calendar month in UTC. On <Moment at={resetsAt} show="day in UTC" /> the next
        one begins, and what was used is counted from zero again.
      </p>
    </>
  );
}

function SpendRow(props: {
  limit: SpendLimit;
  onChange: ((limit: SpendLimit) => void) | undefined;
}) {
  const { limit, onChange } = props;
  return (
    <tr>
      <th scope="row" title={limit.subject_id}>
        {limit.subject}
        <span className="below hint">{LEVELS[limit.level]}</span>
      </th>
      <td data-label="Limit a month">
        <span>
          <Exact usd={limit.amount_usd} />
          <span className="below hint">{ACTIONS[limit.action].line}</span>
        </span>
      </td>
      <td data-label="Used this month">
        <span>
          <Exact usd={limit.charged_usd} />
          {limit.reached_at !== null && (
            <span className="below">
              <Badge tone={limit.action === 'notify_only' ? 'warning' : 'bad'}>
                Reached <Moment at={limit.reached_at} />
              </Badge>
            </span>
          )}
        </span>
      </td>
      <td data-label="Set by">
        <span>
          {limit.set_by}
          <span className="below hint">{SETTERS[limit.set_by_kind]}</span>
          <span className="below hint">
            <Moment at={limit.set_at} show="day and time" />
          </span>
        </span>
      </td>
      {onChange !== undefined && (
        <td className="cell-action">
          {limit.level !== 'tier' && (
            <button type="button" className="button" onClick={() => onChange(limit)}>
              Change<span className="visually-hidden"> the limit of {limit.subject}</span>
            </button>
          )}
        </td>
      )}
    </tr>
  );
}
