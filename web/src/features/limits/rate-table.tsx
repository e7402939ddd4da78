import type { RateLimit } from '#console-api/contract';

const counted = new Intl.NumberFormat('en');

/** What may be used in a minute, by what shares it. Nothing here can be changed. */
export function RateTable({ limits }: { limits: readonly RateLimit[] }) {
  return (
    <table className="table stack">
      <caption className="visually-hidden">Rate limits for each minute</caption>
      <thead>
        <tr>
          <th scope="col">Models</th>
          <th scope="col" className="cell-amount">
            Requests
          </th>
          <th scope="col" className="cell-amount">
            Input tokens
          </th>
          <th scope="col" className="cell-amount">
            Output tokens
          </th>
        </tr>
      </thead>
      <tbody>
        {limits.map((limit) => (
          <tr key={limit.id}>
            <th scope="row" title={limit.models.join(', ')}>
              {limit.name}
            </th>
            <PerMinute label="Requests" limit={limit.requests} />
            <PerMinute label="Input tokens" limit={limit.input_tokens} />
            <PerMinute label="Output tokens" limit={limit.output_tokens} />
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The limit, and below it what is used just now: nothing is said where that is nothing. */
function PerMinute(props: { label: string; limit: RateLimit['input_tokens'] }) {
  const { label, limit } = props;
  if (limit === null) return <td className="cell-amount" />;
  return (
    <td data-label={label} className="cell-amount">
      <span>
        <span className="count">{counted.format(limit.per_minute)}</span>
        {limit.used > 0 && (
          <span className="below hint">{counted.format(limit.used)} used now</span>
        )}
      </span>
    </td>
  );
}
