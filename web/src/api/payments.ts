import { infiniteQueryOptions, keepPreviousData } from '@tanstack/react-query';
import { type PaymentsQuery, paymentsResponse } from '#console-api/payments/contract';
import { call } from './client.ts';

/** What of the history is asked for; an empty text is no condition. */
export interface PaymentFilter {
  readonly kind: string;
  readonly state: string;
  readonly from: string;
  readonly to: string;
}

export const NO_FILTER: PaymentFilter = { kind: '', state: '', from: '', to: '' };

const ASKED: readonly (keyof PaymentFilter & keyof PaymentsQuery)[] = [
  'kind',
  'state',
  'from',
  'to',
];

function pathOf(filter: PaymentFilter, before: string): string {
  const query = new URLSearchParams();
  for (const key of ASKED) if (filter[key] !== '') query.set(key, filter[key]);
  if (before !== '') query.set('before', before);
  return `/api/billing/payments?${query}`;
}

/** `version` changes when money moved. */
export const paymentsQuery = (
  organizationId: string,
  filter: PaymentFilter,
  version: string | undefined,
) =>
  infiniteQueryOptions({
    queryKey: [organizationId, 'payments', filter, version],
    placeholderData: keepPreviousData,
    queryFn: ({ pageParam }) => call('GET', pathOf(filter, pageParam), paymentsResponse),
    initialPageParam: '',
    getNextPageParam: (page) => page.next ?? undefined,
  });
