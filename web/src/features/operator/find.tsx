import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { findQuery } from '../../api/operator.ts';
import { Field } from '../../ui/field.tsx';
import { Badge, Empty } from '../../ui/notice.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';

/** What was looked for is in the address, so that the way back leads to it. */
export function Find({ text }: { text: string }) {
  const [typed, setTyped] = useState(text);
  const navigate = useNavigate();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const wanted = typed.trim();
    const search = wanted.startsWith('pi_') ? { payment: wanted } : { find: wanted };
    void navigate({ to: '/operator', search: wanted === '' ? {} : search });
  };
  return (
    <>
      <search>
        <form className="op-find" onSubmit={submit}>
          <Field
            label="Organization, person, purchase or payment"
            hint="A part of a name or of an e-mail address, or an id: org_…, pur_…, or pi_… of any product."
            type="search"
            name="find"
            autoComplete="off"
            spellCheck={false}
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
          <button type="submit" className="button">
            Find
          </button>
        </form>
      </search>
      {text !== '' && <Found text={text} />}
    </>
  );
}

function Found({ text }: { text: string }) {
  const found = useQuery(findQuery(text));
  if (found.isPending) return <Skeleton rows={2} label="Looking for organizations" />;
  if (found.data === undefined) {
    return <Problem error={found.error} retry={() => void found.refetch()} />;
  }
  const { data, more } = found.data;
  if (data.length === 0) {
    return (
      <Empty title="Nothing found">
        <p>No organization, member or purchase fits “{text}”.</p>
      </Empty>
    );
  }
  return (
    <>
      <ul className="op-found" aria-label="Organizations found">
        {data.map((one) => (
          <li key={one.id}>
            <Link to="/operator" search={{ organization: one.id }}>
              {one.name}
            </Link>
            {one.status === 'suspended' && <Badge tone="bad">Suspended</Badge>}
            <span className="hint">{one.emails.join(', ')}</span>
            <span className="reference">{one.id}</span>
          </li>
        ))}
      </ul>
      {more && <p className="hint">There are more; type more of the name.</p>}
    </>
  );
}
