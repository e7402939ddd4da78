import { useId } from 'react';

/** Whether the card that pays is kept for later. Nothing is, unless somebody ticks this. */
export function KeepCard(props: {
  text: string;
  keeps: boolean;
  onKeeps: (keeps: boolean) => void;
}) {
  const box = useId();
  const [deed, ...terms] = props.text.split(/(?<=\.) /);
  return (
    <div className="consent">
      <input
        type="checkbox"
        id={box}
        checked={props.keeps}
        onChange={(event) => props.onKeeps(event.target.checked)}
      />
      <label htmlFor={box}>
        <strong>{deed}</strong> {terms.join(' ')}
      </label>
    </div>
  );
}
