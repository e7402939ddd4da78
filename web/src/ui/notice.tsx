import type { ReactNode } from 'react';

export type Tone = 'quiet' | 'good' | 'warning' | 'bad';

/** A sentence the reader should not miss. Bad news interrupts a screen reader, the rest waits. */
export function Notice(props: { tone: Tone; title: string; children?: ReactNode }) {
  return (
    <div className={`notice notice-${props.tone}`} role={props.tone === 'bad' ? 'alert' : 'status'}>
      <p className="notice-title">{props.title}</p>
      {props.children !== undefined && <div className="notice-body">{props.children}</div>}
    </div>
  );
}

export function Badge({ tone, children }: { tone: Tone; children: ReactNode }) {
  return <span className={`badge badge-${tone}`}>{children}</span>;
}

/** What stands where a list would be. */
export function Empty(props: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{props.title}</p>
      {props.children}
    </div>
  );
}
