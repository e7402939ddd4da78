import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import {
  adviceResponse,
  type BillingDetails,
  cardList,
  cardSetup,
  detailsResponse,
  detailsSaved,
  estimateResponse,
  quoteResponse,
} from '#console-api/billing/contract';
import { call } from './client.ts';

export const detailsQuery = (organizationId: string) =>
  queryOptions({
    queryKey: [organizationId, 'billing-details'],
    queryFn: () => call('GET', '/api/billing/details', detailsResponse),
  });

export const saveDetails = (details: BillingDetails) =>
  call('POST', '/api/billing/details', detailsSaved, details);

/** All quotes of an organization: what changes with its address. */
export const quotesOf = (organizationId: string) => [organizationId, 'quote'];

export const quoteQuery = (organizationId: string, usd: string | undefined) =>
  queryOptions({
    queryKey: [...quotesOf(organizationId), usd],
    queryFn: () => call('POST', '/api/billing/quote', quoteResponse, { amount_usd: usd }),
    enabled: usd !== undefined,
    // A refusal is an answer; only what did not arrive is asked for again.
    staleTime: 30_000,
  });

export const adviceQuery = (organizationId: string, purchaseId: string) =>
  queryOptions({
    queryKey: [organizationId, 'advice', purchaseId],
    queryFn: () =>
      call('GET', `/api/purchases/${encodeURIComponent(purchaseId)}/advice`, adviceResponse),
  });

export interface Planned {
  readonly model: string;
  readonly input_tokens: number;
  readonly output_tokens: number;
}

export const estimateQuery = (
  organizationId: string,
  usd: string | undefined,
  planned: Planned | undefined,
) =>
  queryOptions({
    queryKey: [organizationId, 'estimate', usd, planned],
    queryFn: () =>
      call('POST', '/api/billing/estimate', estimateResponse, {
        amount_usd: usd,
        ...(planned === undefined ? {} : { planned }),
      }),
    enabled: usd !== undefined,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  });

export const cardsQuery = (organizationId: string) =>
  queryOptions({
    queryKey: [organizationId, 'cards'],
    queryFn: () => call('GET', '/api/cards', cardList),
  });

export const changeCard = (id: string, deed: 'default' | 'remove') =>
  call('POST', `/api/cards/${encodeURIComponent(id)}/${deed}`, cardList);

export const beginSetup = (nonce: string, consentVersion: string, replaces: string | undefined) =>
  call('POST', '/api/cards/setups', cardSetup, {
    nonce,
    consent_version: consentVersion,
    ...(replaces === undefined ? {} : { replaces }),
  });

export const refreshSetup = (id: string) =>
  call('POST', `/api/cards/setups/${encodeURIComponent(id)}/refresh`, cardSetup);
