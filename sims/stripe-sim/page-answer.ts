import { noticePage } from './page-html.ts';

export interface PageAnswer {
  status: number;
  /** HTML, or the bytes of another kind of document. */
  body?: string | Buffer;
  contentType?: string;
  /** What a saved copy is called. */
  fileName?: string;
  location?: string;
  /** Origins a form on this page may be redirected to. */
  formTargets: string[];
}

export interface PageRequest {
  method: string;
  path: string;
  form: URLSearchParams;
}

export function notice(
  status: number,
  title: string,
  sentence: string,
  link?: { href: string; text: string },
): PageAnswer {
  return { status, body: noticePage(title, sentence, link), formTargets: [] };
}

export function redirect(location: string): PageAnswer {
  return { status: 303, location, formTargets: [] };
}
