import { creditNotePage, invoicePage } from './invoice-page.ts';
import type { PageAnswer, PageRequest } from './page-answer.ts';
import { checkoutPage } from './pay-page.ts';
import { receiptPage } from './receipt-page.ts';
import type { Sim } from './sim.ts';
import { verificationPage } from './verification-page.ts';

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
