import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { type AskedSetting, adviceResponse } from '#console-api/advice/contract';
import { call } from './client.ts';

const PATH = '/api/auto-reload/advice';

/** How long credit lasts, and what to set. Read anew with everything else of the organization. */
export const creditAdviceQuery = (organizationId: string) =>
  queryOptions({
    queryKey: [organizationId, 'credit-advice'],
    queryFn: () => call('POST', PATH, adviceResponse),
  });

/** The same, and what a setting that is being typed would have done. */
export const replayQuery = (organizationId: string, setting: AskedSetting) =>
  queryOptions({
    queryKey: [organizationId, 'credit-advice', setting],
    queryFn: () => call('POST', PATH, adviceResponse, { setting }),
    placeholderData: keepPreviousData,
    // What cannot be saved cannot be replayed: that is an answer.
    retry: false,
    staleTime: 30_000,
  });
