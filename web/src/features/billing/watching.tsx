import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { DutyView, WatchingResponse } from '#console-api/watching/contract';
import { watchingQuery } from '../../api/watching.ts';
import { Badge, Notice, type Tone } from '../../ui/notice.tsx';
import { missingTitle, stateWord, watcherNames } from './watching-words.ts';

const TONES: Readonly<Record<DutyView['state'], Tone>> = {
  ok: 'good',
  weak: 'warning',
  nobody: 'bad',
};

/**
 * Who looks after the credit: one line while every duty is done, and a warning where one has nobody.
 * Nothing until it is known: it is about what may happen, and the rest of the page does not wait.
 */
export function Watching(props: { organizationId: string; mayEdit: boolean }) {
  const { data } = useQuery(watchingQuery(props.organizationId));
  if (data === undefined) return null;
  const { mayEdit } = props;
  const missing = data.duties.filter(({ state }) => state === 'nobody');
  return (
    <section className="watching" aria-label="Who is watching">
      {missing.length > 0 && <Missing missing={missing} mayEdit={mayEdit} />}
      <Checklist watching={data} mayEdit={mayEdit} />
    </section>
  );
}

function Missing({ missing, mayEdit }: { missing: readonly DutyView[]; mayEdit: boolean }) {
  return (
    <Notice tone="warning" title={missingTitle(missing)}>
      <ul className="plain-list watching-missing">
        {missing.map((duty) => (
          <li key={duty.duty}>
            <strong>{duty.title}:</strong> {duty.sentence} <FixLink duty={duty} mayEdit={mayEdit} />
          </li>
        ))}
      </ul>
    </Notice>
  );
}

function Checklist({ watching, mayEdit }: { watching: WatchingResponse; mayEdit: boolean }) {
  // What is closed is not there at all: names stand on the page once, where they belong.
  const [open, setOpen] = useState(false);
  return (
    <details
      className="watching-list"
      onToggle={({ currentTarget }) => setOpen(currentTarget.open)}
    >
      <summary>
        <Badge tone={TONES[watching.state]}>Who is watching</Badge> <span>{watching.summary}</span>
      </summary>
      {open && (
        <ul className="plain-list">
          {watching.duties.map((duty) => (
            <Duty key={duty.duty} duty={duty} mayEdit={mayEdit} />
          ))}
        </ul>
      )}
      {open && !mayEdit && (
        <p className="hint">A billing member or an admin can change who does what here.</p>
      )}
    </details>
  );
}

function Duty({ duty, mayEdit }: { duty: DutyView; mayEdit: boolean }) {
  return (
    <li className="watching-duty">
      <p className="watching-title">
        {duty.title} <Badge tone={TONES[duty.state]}>{stateWord(duty)}</Badge>
      </p>
      {duty.watchers.length > 0 && (
        <ul className="plain-list watching-names">
          {watcherNames(duty.watchers).map(({ who, note }) => (
            <li key={`${who}${note}`}>
              {who}
              {note !== null && <span className="watching-note">, {note}</span>}
            </li>
          ))}
        </ul>
      )}
      <p className="hint">
        {duty.sentence} <FixLink duty={duty} mayEdit={mayEdit} />
      </p>
    </li>
  );
}

/** Where it is put right, for whoever may do that. */
function FixLink({ duty, mayEdit }: { duty: DutyView; mayEdit: boolean }) {
  if (!mayEdit || duty.fix === null) return null;
  switch (duty.fix) {
    case 'notices':
      return <Link to="/settings/notices">Choose who is told</Link>;
    case 'reload':
      return (
        <Link to="/settings/billing" hash="auto-reload">
          Go to Auto-reload
        </Link>
      );
    case 'cards':
      return (
        <Link to="/settings/billing" hash="cards">
          Go to Cards
        </Link>
      );
    case 'members':
      // The Console has no page about members to lead to.
      return null;
  }
}
