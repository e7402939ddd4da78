import { type ReactNode, useId, useLayoutEffect, useRef } from 'react';

/**
 * A native modal dialog: focus stays inside, Escape closes, the page behind is inert. `locked`
 * refuses Escape, for content that would be lost.
 */
export function Dialog(props: {
  title: string;
  onClose: () => void;
  locked?: boolean;
  children: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();

  // A layout effect: its end still finds the dialog in the page, so closing gives focus back.
  useLayoutEffect(() => {
    const element = dialog.current;
    if (element !== null && !element.open) element.showModal();
    return () => element?.close();
  }, []);

  return (
    <dialog
      ref={dialog}
      className="dialog"
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault();
        if (props.locked !== true) props.onClose();
      }}
    >
      <h2 id={titleId}>{props.title}</h2>
      {props.children}
    </dialog>
  );
}
