import { useId } from 'react';
import type { WebhooksResponse } from '#console-api/webhooks/contract';

/** Every event, also those that come later; or those that are chosen. */
export function TypesField(props: {
  types: WebhooksResponse['types'];
  wanted: readonly string[] | 'every';
  problem: string | undefined;
  onChange: (wanted: readonly string[] | 'every') => void;
}) {
  const { types, wanted, onChange } = props;
  const id = useId();
  const every = wanted === 'every';
  const chosen = every ? [] : wanted;
  const toggle = (type: string) =>
    onChange(chosen.includes(type) ? chosen.filter((one) => one !== type) : [...chosen, type]);
  return (
    <fieldset className="field types" aria-describedby={`${id}-problem`}>
      <legend>Events</legend>
      <label className="type">
        <input
          type="radio"
          name={`${id}-which`}
          checked={every}
          onChange={() => onChange('every')}
        />
        <span>Every event, also kinds that are added later</span>
      </label>
      <label className="type">
        <input
          type="radio"
          name={`${id}-which`}
          checked={!every}
          onChange={() => onChange(chosen)}
        />
        <span>Only these</span>
      </label>
      {!every && (
        <ul className="types-list">
          {types.map(({ type, when }) => (
            <li key={type}>
              <label className="type">
                <input
                  type="checkbox"
                  checked={chosen.includes(type)}
                  onChange={() => toggle(type)}
                />
                <span>
                  <code>{type}</code>
                  <span className="below hint">{when}</span>
                </span>
              </label>
            </li>
          ))}
        </ul>
      )}
      <div role="alert" id={`${id}-problem`} className="field-problem">
        {props.problem}
      </div>
    </fieldset>
  );
}
