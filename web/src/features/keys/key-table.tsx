import type { ApiKey } from '#console-api/contract';
import { Moment } from '../../ui/moment.tsx';
import { Badge, type Tone } from '../../ui/notice.tsx';

const STATUS: Readonly<Record<ApiKey['status'], { word: string; tone: Tone }>> = {
  active: { word: 'Active', tone: 'good' },
  revoked: { word: 'Revoked', tone: 'quiet' },
  expired: { word: 'Expired', tone: 'quiet' },
};

export function KeyTable(props: {
  keys: readonly ApiKey[];
  /** Absent for people who may only look. */
  onRevoke: ((key: ApiKey) => void) | undefined;
}) {
  return (
    <table className="table stack">
      <caption className="visually-hidden">API keys</caption>
      <thead>
        <tr>
          <th scope="col">Name</th>
          <th scope="col">Key</th>
          <th scope="col">Created</th>
          <th scope="col">Status</th>
          {props.onRevoke !== undefined && (
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {props.keys.map((key) => (
          <KeyRow key={key.id} apiKey={key} onRevoke={props.onRevoke} />
        ))}
      </tbody>
    </table>
  );
}

function KeyRow(props: { apiKey: ApiKey; onRevoke: ((key: ApiKey) => void) | undefined }) {
  const { apiKey, onRevoke } = props;
  const status = STATUS[apiKey.status];
  return (
    <tr className={apiKey.status === 'active' ? undefined : 'row-past'}>
      <th scope="row">
        {apiKey.name}
        {apiKey.kind === 'admin' && <span className="hint"> admin key</span>}
      </th>
      <td data-label="Key">
        <code>{apiKey.hint}</code>
      </td>
      <td data-label="Created">
        <Moment at={apiKey.created_at} />
      </td>
      <td data-label="Status">
        <span>
          <Badge tone={status.tone}>{status.word}</Badge>
          {apiKey.status === 'active' && apiKey.expires_at !== null && (
            <span className="hint">
              {' '}
              until <Moment at={apiKey.expires_at} />
            </span>
          )}
        </span>
      </td>
      {onRevoke !== undefined && (
        <td className="cell-action">
          {apiKey.status === 'active' && (
            <button type="button" className="button" onClick={() => onRevoke(apiKey)}>
              Revoke<span className="visually-hidden"> {apiKey.name}</span>
            </button>
          )}
        </td>
      )}
    </tr>
  );
}
