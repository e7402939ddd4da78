import { creditNotePage, invoicePage } from './invoice-page.ts';
import { noticePage } from './page-html.ts';
import { checkoutPage } from './pay-page.ts';
import { receiptPage } from './receipt-page.ts';
import type { Sim } from './sim.ts';
import { verificationPage } from './verification-page.ts';

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

/** Answers the pages a person sees; undefined if the path is none of them. */
export function pages(sim: Sim, request: PageRequest): PageAnswer | undefined {
  const [, area, first = '', second = ''] = request.path.split('/');
  switch (area) {
    case 'c':
      if (first !== 'pay' && first !== 'setup') return undefined;
      return checkoutPage(sim, second, request);
    case '3ds':
      return verificationPage(sim, first, request);
    case 'i':
      return invoicePage(sim, first, second, request);
    case 'cn':
      return creditNotePage(sim, first);
    case 'receipts':
      return receiptPage(sim, first);
    default:
      return undefined;
  }
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
