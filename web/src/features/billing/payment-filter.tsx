import { useId } from 'react';
import { PAYMENT_STATES } from '#console-api/payments/contract';
import type { PaymentFilter } from '../../api/payments.ts';
import { stateWords } from './payment-words.ts';

const KINDS = [
  ['', 'Any kind'],
  ['purchase', 'Purchases'],
  ['refund', 'Refunds'],
] as const;

const STATES = [
  ['', 'Any state'],
  ...PAYMENT_STATES.map((state) => [state, stateWords(state)] as const),
] as const;

/** Conditions for the history of payments; each takes effect as it is chosen. */
export function PaymentFilterForm(props: {
  filter: PaymentFilter;
  onChange: (filter: PaymentFilter) => void;
}) {
  const { filter, onChange } = props;
  const change = (part: Partial<PaymentFilter>) => onChange({ ...filter, ...part });
  return (
    <fieldset className="filters">
      <legend className="visually-hidden">Which payments</legend>
      <Choice
        label="Kind"
        options={KINDS}
        value={filter.kind}
        onChoose={(kind) => change({ kind })}
      />
      <Choice
        label="State"
        options={STATES}
        value={filter.state}
        onChoose={(state) => change({ state })}
      />
      <Day label="From" value={filter.from} onChoose={(from) => change({ from })} />
      <Day label="To" value={filter.to} onChoose={(to) => change({ to })} />
    </fieldset>
  );
}

function Choice(props: {
  label: string;
  options: readonly (readonly [string, string])[];
  value: string;
  onChoose: (value: string) => void;
}) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{props.label}</label>
      <div className="field-box">
        <select
          id={id}
          value={props.value}
          onChange={(event) => props.onChoose(event.currentTarget.value)}
        >
          {props.options.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </div>
    </div>
  );
}

function Day(props: { label: string; value: string; onChoose: (value: string) => void }) {
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id}>{props.label}</label>
      <div className="field-box">
        <input
          id={id}
          type="date"
          value={props.value}
          onChange={(event) => props.onChoose(event.currentTarget.value)}
        />
      </div>
    </div>
  );
}
