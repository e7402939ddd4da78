import type { Check } from '#console-api/operator/contract';
import { Moment } from '../../ui/moment.tsx';
import { Badge } from '../../ui/notice.tsx';

/** What was looked at, when last, and how it was: an empty list means something only with this. */
export function CheckTable({ checks }: { checks: readonly Check[] }) {
  return (
    <table className="table stack">
      <caption className="visually-hidden">What was looked at</caption>
      <thead>
        <tr>
          <th scope="col">Check</th>
          <th scope="col">Found</th>
          <th scope="col">Last looked at</th>
        </tr>
      </thead>
      <tbody>
        {checks.map((check) => (
          <tr key={check.name}>
            <th scope="row">
              <Badge tone={check.ok ? 'good' : 'bad'}>{check.name}</Badge>
            </th>
            <td data-label="Found">{check.words}</td>
            <td data-label="Last looked at">
              {check.at === null ? 'Never' : <Moment at={check.at} show="day and time" />}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
