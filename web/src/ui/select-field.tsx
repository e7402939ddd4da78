import { type ReactNode, useId } from 'react';

/** A labelled choice among several. The problem is tied to it and read out when it appears. */
export function SelectField(props: {
  label: string;
  name: string;
  value: string;
  options: readonly (readonly [value: string, text: string])[];
  /** What stands there while nothing is chosen. */
  empty?: string;
  hint?: ReactNode;
  problem?: string | undefined;
  autoComplete?: string;
  onChange: (value: string) => void;
}) {
  const id = useId();
  const described = [
    props.hint !== undefined && `${id}-hint`,
    props.problem !== undefined && `${id}-problem`,
  ].filter((part) => part !== false);
  return (
    <div className="field">
      <label htmlFor={id}>{props.label}</label>
      <div className="field-box">
        <select
          id={id}
          name={props.name}
          value={props.value}
          autoComplete={props.autoComplete}
          aria-invalid={props.problem !== undefined}
          aria-describedby={described.length === 0 ? undefined : described.join(' ')}
          onChange={(event) => props.onChange(event.target.value)}
        >
          {props.empty !== undefined && <option value="">{props.empty}</option>}
          {props.options.map(([value, text]) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      </div>
      {props.hint !== undefined && (
        <p className="hint" id={`${id}-hint`}>
          {props.hint}
        </p>
      )}
      <div role="alert" id={`${id}-problem`} className="field-problem">
        {props.problem}
      </div>
    </div>
  );
}
