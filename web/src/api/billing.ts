import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { billingResponse, historyResponse, purchase } from '#console-api/contract';
import { call } from './client.ts';

/** The server sweeps open purchases once a second; the page follows a little more calmly. */
const OPEN_PURCHASE_REFETCH_MS = 3_000;

export const billingQuery = (organizationId: string) =>
  queryOptions({
    queryKey: [organizationId, 'billing'],
    queryFn: () => call('GET', '/api/billing', billingResponse),
    refetchInterval: (query) =>
      query.state.data?.open_purchase == null ? false : OPEN_PURCHASE_REFETCH_MS,
  });

export const historyQuery = (organizationId: string) =>
  infiniteQueryOptions({
    queryKey: [organizationId, 'history'],
    queryFn: ({ pageParam }) =>
      call(
        'GET',
        pageParam === '' ? '/api/billing/history' : `/api/billing/history?before=${pageParam}`,
        historyResponse,
      ),
    initialPageParam: '',
    getNextPageParam: (page) => (page.has_more ? page.data.at(-1)?.seq : undefined),
  });

/** With the version of a consent, the card that pays is kept. */
export const beginPurchase = (amountUsd: string, nonce: string, consentVersion?: string) =>
  call('POST', '/api/purchases', purchase, {
    amount_usd: amountUsd,
    nonce,
    ...(consentVersion === undefined ? {} : { card_consent_version: consentVersion }),
  });

const purchasePath = (id: string) => `/api/purchases/${encodeURIComponent(id)}`;

export const refreshPurchase = (id: string) =>
  call('POST', `${purchasePath(id)}/refresh`, purchase);

export const cancelPurchase = (id: string) => call('POST', `${purchasePath(id)}/cancel`, purchase);
