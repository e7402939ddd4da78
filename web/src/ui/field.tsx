import { type InputHTMLAttributes, type ReactNode, useId } from 'react';

/** A labelled input. The problem is tied to the input and read out when it appears. */
export function Field(
  props: {
    label: string;
    hint?: ReactNode;
    problem?: string | undefined;
    before?: string;
  } & Omit<InputHTMLAttributes<HTMLInputElement>, 'id'>,
) {
  const { label, hint, problem, before, ...input } = props;
  const id = useId();
  const described = [hint !== undefined && `${id}-hint`, problem !== undefined && `${id}-problem`]
    .filter((part) => part !== false)
    .join(' ');
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      <div className={before === undefined ? 'field-box' : 'field-box field-box-before'}>
        {before !== undefined && <span aria-hidden="true">{before}</span>}
        <input
          {...input}
          id={id}
          aria-invalid={problem !== undefined}
          aria-describedby={described === '' ? undefined : described}
        />
      </div>
      {hint !== undefined && (
        <p className="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      <div role="alert" id={`${id}-problem`} className="field-problem">
        {problem}
      </div>
    </div>
  );
}
