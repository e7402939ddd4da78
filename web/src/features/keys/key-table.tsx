import type { ApiKey } from '#console-api/contract';
import { Moment } from '../../ui/moment.tsx';
import { Badge, type Tone } from '../../ui/notice.tsx';

const STATUS: Readonly<Record<ApiKey['status'], { word: string; tone: Tone }>> = {
  active: { word: 'Active', tone: 'good' },
  inactive: { word: 'Disabled', tone: 'quiet' },
  paused: { word: 'Paused', tone: 'warning' },
  revoked: { word: 'Revoked', tone: 'quiet' },
  expired: { word: 'Expired', tone: 'quiet' },
};

/** What the one button of a key that is not ended does. */
export type SwitchMove = 'disable' | 'enable' | 'resume';

const SWITCH = {
  active: { move: 'disable', word: 'Disable' },
  inactive: { move: 'enable', word: 'Enable' },
  paused: { move: 'resume', word: 'Resume' },
  revoked: undefined,
  expired: undefined,
} as const satisfies Record<ApiKey['status'], { move: SwitchMove; word: string } | undefined>;

export interface KeyActions {
  readonly switch: (key: ApiKey, move: SwitchMove) => void;
  readonly revoke: (key: ApiKey) => void;
}

const DAY_MS = 86_400_000;

/** The day is enough until it is the last one. */
const endsSoon = (end: string, now: string): boolean => Date.parse(end) - Date.parse(now) <= DAY_MS;

export function KeyTable(props: {
  keys: readonly ApiKey[];
  /** Time as the server has it: a test clock may be far from the browser's. */
  now: string;
  /** Why keys are paused, by their ids. */
  reasons: ReadonlyMap<string, string>;
  /** Absent for people who may only look. */
  actions: KeyActions | undefined;
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
          {props.actions !== undefined && (
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody>
        {props.keys.map((key) => (
          <KeyRow
            key={key.id}
            apiKey={key}
            now={props.now}
            reason={props.reasons.get(key.id)}
            actions={props.actions}
          />
        ))}
      </tbody>
    </table>
  );
}

function KeyRow(props: {
  apiKey: ApiKey;
  now: string;
  reason: string | undefined;
  actions: KeyActions | undefined;
}) {
  const { apiKey, now, reason, actions } = props;
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
              until{' '}
              <Moment
                at={apiKey.expires_at}
                show={endsSoon(apiKey.expires_at, now) ? 'day and time' : 'day'}
              />
            </span>
          )}
          {apiKey.status === 'paused' && (
            <span className="below hint">{reason ?? 'It spent unusually fast.'}</span>
          )}
        </span>
      </td>
      {actions !== undefined && (
        <td className="cell-action">
          <Buttons apiKey={apiKey} actions={actions} />
        </td>
      )}
    </tr>
  );
}

function Buttons({ apiKey, actions }: { apiKey: ApiKey; actions: KeyActions }) {
  const turn = SWITCH[apiKey.status];
  if (turn === undefined) return null;
  return (
    <div className="row-actions">
      <button type="button" className="button" onClick={() => actions.switch(apiKey, turn.move)}>
        {turn.word}
        <span className="visually-hidden"> {apiKey.name}</span>
      </button>
      <button type="button" className="button" onClick={() => actions.revoke(apiKey)}>
        Revoke<span className="visually-hidden"> {apiKey.name}</span>
      </button>
    </div>
  );
}
