import { type ReactNode, useEffect, useRef } from 'react';
import { useBrand } from './brand.ts';

let pagesSeen = 0;

/**
 * A page's heading and document title. After a change of page the heading takes the focus, so
 * that keyboard and screen reader continue where the new page begins.
 */
export function Page(props: {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  const brand = useBrand();

  useEffect(() => {
    document.title = brand === undefined ? props.title : `${props.title} · ${brand}`;
  }, [props.title, brand]);

  useEffect(() => {
    if (pagesSeen > 0) heading.current?.focus({ preventScroll: true });
    pagesSeen += 1;
  }, []);

  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1 ref={heading} tabIndex={-1}>
            {props.title}
          </h1>
          {props.lead !== undefined && <p className="lead">{props.lead}</p>}
        </div>
        {props.actions !== undefined && <div className="page-actions">{props.actions}</div>}
      </header>
      {props.children}
    </div>
  );
}

/** One part of a page under a heading of its own, which links may lead to by its id. */
export function Section(props: {
  title: string;
  id?: string;
  actions?: ReactNode;
  children: ReactNode;
}) {
  return (
    <section className="section" id={props.id} aria-label={props.title}>
      <div className="section-head">
        <h2>{props.title}</h2>
        {props.actions}
      </div>
      {props.children}
    </section>
  );
}
