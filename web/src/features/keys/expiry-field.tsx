import { useId } from 'react';
import { KEY_LIFETIMES } from '#console-api/contract';
import { Field } from '../../ui/field.tsx';

type Choice = (typeof KEY_LIFETIMES)[number] | 'custom';

export interface Expiry {
  readonly choice: Choice;
  /** The last day of a custom one, as a date input gives it; empty until chosen. */
  readonly day: string;
}

const WORDS: Readonly<Record<Choice, string>> = {
  '3h': 'After 3 hours',
  '1d': 'After 1 day',
  '7d': 'After 7 days',
  '30d': 'After 30 days',
  custom: 'After a day of my choice',
  never: 'Never',
};
const CHOICES: readonly Choice[] = [
  ...KEY_LIFETIMES.filter((lifetime) => lifetime !== 'never'),
  'custom',
  'never',
];

/** What the server is told; undefined while the day is not chosen. */
export function endOf({ choice, day }: Expiry): string | undefined {
  if (choice !== 'custom') return choice;
  return /^\d{4}-\d{2}-\d{2}$/.test(day) ? `${day}T23:59:59Z` : undefined;
}

/** When a new key is to end. It cannot be changed later, and the field says so. */
export function ExpiryField(props: {
  expiry: Expiry;
  problem: string | undefined;
  onChange: (expiry: Expiry) => void;
}) {
  const { expiry, problem, onChange } = props;
  const id = useId();
  // A day that is missing or wrong is told under the day.
  const custom = expiry.choice === 'custom';
  const own = custom ? undefined : problem;
  return (
    <>
      <div className="field">
        <label htmlFor={id}>Expires</label>
        <div className="field-box">
          <select
            id={id}
            value={expiry.choice}
            aria-invalid={own !== undefined}
            aria-describedby={own === undefined ? `${id}-hint` : `${id}-hint ${id}-problem`}
            onChange={({ target }) => {
              const choice = CHOICES.find((known) => known === target.value);
              if (choice !== undefined) onChange({ ...expiry, choice });
            }}
          >
            {CHOICES.map((choice) => (
              <option key={choice} value={choice}>
                {WORDS[choice]}
              </option>
            ))}
          </select>
        </div>
        <p className="hint" id={`${id}-hint`}>
          This cannot be changed once the key is made.
        </p>
        <div role="alert" id={`${id}-problem`} className="field-problem">
          {own}
        </div>
      </div>
      {custom && (
        <Field
          label="Last day"
          hint="The key works until the end of this day in UTC."
          type="date"
          name="expires"
          problem={problem}
          value={expiry.day}
          onChange={(event) => onChange({ ...expiry, day: event.target.value })}
        />
      )}
    </>
  );
}
