import { Refusal } from '../../api/client.ts';
import { Field } from '../../ui/field.tsx';

/** Why somebody did it, kept with the deed. */
export function ReasonField(props: {
  value: string;
  problem: string | undefined;
  onChange: (value: string) => void;
}) {
  return (
    <Field
      label="Reason"
      hint="Kept with your name and the time."
      name="reason"
      autoComplete="off"
      maxLength={500}
      value={props.value}
      problem={props.problem}
      onChange={(event) => props.onChange(event.target.value)}
    />
  );
}

export const REASON_MISSING = 'Reason: say why.';

/** The refusal of one input, to be said beside it; others are said where they stand. */
export const problemAt = (error: unknown, field: string): string | undefined =>
  error instanceof Refusal && error.field === field ? error.message : undefined;
