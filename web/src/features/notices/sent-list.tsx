import { useState } from 'react';
import type { NoticesResponse } from '#console-api/notices/contract';
import { Moment } from '../../ui/moment.tsx';
import { Badge, Empty, type Tone } from '../../ui/notice.tsx';

type SentNotice = NoticesResponse['notices'][number];
type SentMail = SentNotice['mails'][number];

const SEVERITY: Readonly<Record<SentNotice['severity'], { tone: Tone; word: string }>> = {
  urgent: { tone: 'bad', word: 'Urgent' },
  warning: { tone: 'warning', word: 'Warning' },
  info: { tone: 'quiet', word: 'For information' },
};

const STATE: Readonly<Record<SentMail['state'], string>> = {
  waiting: 'in the next daily summary',
  queued: 'on its way',
  sent: 'sent',
  failed: 'not delivered',
};

/** The settings below are looked for too. */
const FIRST = 8;

/** What was told, newest first, and what became of each mail. */
export function SentList({ notices }: { notices: readonly SentNotice[] }) {
  const [all, setAll] = useState(false);
  if (notices.length === 0) {
    return (
      <Empty title="Nothing was told yet">
        <p>The first purchase is followed by a receipt.</p>
      </Empty>
    );
  }
  const shown = all ? notices : notices.slice(0, FIRST);
  return (
    <>
      <ol className="notice-list">
        {shown.map((notice) => {
          const { tone, word } = SEVERITY[notice.severity];
          return (
            <li key={notice.id}>
              <p className="notice-line">
                <strong>{notice.headline}</strong>
              </p>
              <p className="hint">
                <Badge tone={tone}>{word}</Badge> <Moment at={notice.at} show="day and time" />
              </p>
              <Mails mails={notice.mails} />
            </li>
          );
        })}
      </ol>
      {shown.length < notices.length && (
        <p>
          <button type="button" className="button" onClick={() => setAll(true)}>
            Show {notices.length - shown.length} more
          </button>
        </p>
      )}
    </>
  );
}

function Mails({ mails }: { mails: readonly SentMail[] }) {
  if (mails.length === 0) return <p className="hint">Nobody has a role that is told.</p>;
  return (
    <ul className="notice-mails">
      {mails.map(({ address, state, words }) => (
        <li key={address}>
          <span className="notice-address">{address}</span>{' '}
          <span className={state === 'failed' ? 'notice-failed' : 'hint'}>
            {STATE[state]}
            {state !== 'sent' && words !== null && `: ${words}`}
          </span>
        </li>
      ))}
    </ul>
  );
}
