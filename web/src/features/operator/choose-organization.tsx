import { useQuery } from '@tanstack/react-query';
import { useDeferredValue, useId, useState } from 'react';
import type { FoundOrganization } from '#console-api/operator/contract';
import { findQuery } from '../../api/operator.ts';
import { Field } from '../../ui/field.tsx';

/** Type a part of a name, choose one. What was typed alone chooses nobody. */
export function ChooseOrganization(props: {
  chosen: string | undefined;
  problem: string | undefined;
  onChoose: (organization: FoundOrganization) => void;
}) {
  const [typed, setTyped] = useState('');
  const text = useDeferredValue(typed.trim());
  const found = useQuery(findQuery(text));
  const group = useId();
  const data = text === '' ? [] : (found.data?.data ?? []);
  return (
    <div className="op-choose">
      <Field
        label="Organization that gets the credit"
        hint="A name, an e-mail address of a member, or an id."
        name="organization"
        autoComplete="off"
        spellCheck={false}
        value={typed}
        problem={props.problem}
        onChange={(event) => setTyped(event.target.value)}
      />
      <fieldset>
        <legend className="visually-hidden">Organizations found</legend>
        {data.map((one) => (
          <label key={one.id} className="op-choice">
            <input
              type="radio"
              name={group}
              checked={props.chosen === one.id}
              onChange={() => props.onChoose(one)}
            />
            <span>
              {one.name} {one.status === 'suspended' && '(suspended)'}
              <span className="below hint">{one.emails.join(', ')}</span>
              <span className="reference">{one.id}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <p role="status" className="hint">
        {text !== '' && found.isSuccess && data.length === 0 && 'No organization fits.'}
        {found.data?.more === true && data.length > 0 && 'There are more; type more of the name.'}
      </p>
    </div>
  );
}
