import { useId, useRef, useState } from 'react';

/** Text to take along: shown in full, selectable, with a button that says whether it worked. */
export function Copyable(props: { label: string; text: string; block?: boolean }) {
  const [said, setSaid] = useState('');
  const shown = useRef<HTMLElement>(null);
  const id = useId();

  const copy = async () => {
    try {
      await navigator.clipboard.writeText(props.text);
      setSaid('Copied');
    } catch {
      // Without a secure origin there is no clipboard: leave the text selected instead.
      if (shown.current !== null) window.getSelection()?.selectAllChildren(shown.current);
      setSaid('Selected: press Ctrl+C or ⌘C');
    }
  };

  return (
    <div className={props.block === true ? 'copyable copyable-block' : 'copyable'}>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region needs the keyboard */}
      <section className="copyable-text" tabIndex={0} aria-label={props.label}>
        <pre>
          <code ref={shown} id={id}>
            {props.text}
          </code>
        </pre>
      </section>
      <div className="copyable-foot">
        <button type="button" className="button" onClick={copy} aria-describedby={id}>
          Copy
        </button>
        <span role="status" className="hint">
          {said}
        </span>
      </div>
    </div>
  );
}
