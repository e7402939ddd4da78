import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import {
  findResponse,
  organizationResponse,
  overviewResponse,
  paymentResponse,
  type RefundQuote,
  refundQuote,
  refundResponse,
} from '#console-api/operator/contract';
import { call } from './client.ts';

/** Not of one organization: a switch to another changes nothing here. */
export const OPERATOR = 'operator';

const LOOK_AGAIN_MS = 30_000;
/** A worker carries decisions out; what it did is asked for until it is known. */
const UNDER_WAY_MS = 1_000;

const at = (path: string, id: string, deed = '') =>
  `/api/operator/${path}/${encodeURIComponent(id)}${deed}`;

export const overviewQuery = queryOptions({
  queryKey: [OPERATOR, 'overview'],
  queryFn: () => call('GET', '/api/operator', overviewResponse),
  refetchInterval: LOOK_AGAIN_MS,
});

export const findQuery = (text: string) =>
  queryOptions({
    queryKey: [OPERATOR, 'find', text],
    queryFn: () =>
      call('GET', `/api/operator/organizations?q=${encodeURIComponent(text)}`, findResponse),
    enabled: text !== '',
    placeholderData: keepPreviousData,
  });

export const organizationQuery = (id: string) =>
  queryOptions({
    queryKey: [OPERATOR, 'organization', id],
    queryFn: () => call('GET', at('organizations', id), organizationResponse),
  });

export const paymentQuery = (id: string) =>
  queryOptions({
    queryKey: [OPERATOR, 'payment', id],
    queryFn: () => call('GET', at('payments', id), paymentResponse),
    refetchInterval: ({ state }) =>
      state.data?.remedy?.state === 'requested' ? UNDER_WAY_MS : false,
  });

export const refundQuoteQuery = (purchaseId: string) =>
  queryOptions({
    queryKey: [OPERATOR, 'refund', purchaseId],
    queryFn: () => call('GET', at('purchases', purchaseId, '/refund'), refundQuote),
    // What is unspent changes with every request; what is shown is what is asked for.
    staleTime: 0,
    gcTime: 0,
  });

export type Decision =
  | { readonly kind: 'credit'; readonly organizationId: string | null; readonly reason: string }
  | { readonly kind: 'refund'; readonly reason: string };

export const decide = (paymentId: string, decision: Decision) =>
  decision.kind === 'credit'
    ? call('POST', at('payments', paymentId, '/credit'), paymentResponse, {
        organization_id: decision.organizationId,
        reason: decision.reason,
      })
    : call('POST', at('payments', paymentId, '/refund'), paymentResponse, {
        reason: decision.reason,
      });

export const setStatus = (id: string, deed: 'suspend' | 'resume', reason: string) =>
  call('POST', at('organizations', id, `/${deed}`), organizationResponse, { reason });

export const refundUnspent = (
  quote: RefundQuote & { readonly amounts: NonNullable<RefundQuote['amounts']> },
  reason: string,
) =>
  call('POST', at('purchases', quote.purchase_id, '/refund'), refundResponse, {
    reason,
    credit_usd: quote.amounts.credit_usd,
    seen: quote.seen,
  });
