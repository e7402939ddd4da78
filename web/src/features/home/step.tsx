import type { ReactNode } from 'react';

/** One numbered step. `done` undefined: not known, so nothing is claimed. */
export function Step(props: { title: string; done: boolean | undefined; children: ReactNode }) {
  return (
    <li className={props.done === true ? 'step step-done' : 'step'}>
      <h3>
        {props.title}
        {props.done === true && <span className="step-mark">Done</span>}
      </h3>
      {props.children}
    </li>
  );
}
