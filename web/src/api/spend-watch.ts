import { queryOptions, useQuery } from '@tanstack/react-query';
import { done } from '#console-api/contract';
import { type WatchRequest, watchResponse } from '#console-api/watch/contract';
import { call } from './client.ts';
import { useSession } from './use-session.ts';

/** A page that is left open shows a paused key soon. */
const LOOK_AGAIN_MS = 10_000;

export const watchQuery = (organizationId: string) =>
  queryOptions({
    queryKey: [organizationId, 'spend-watch'],
    queryFn: () => call('GET', '/api/spend-watch', watchResponse),
    refetchInterval: LOOK_AGAIN_MS,
  });

/** Undefined for people who may not see it, and until it is there. */
export function useWatch() {
  const { organization, may } = useSession();
  return useQuery({ ...watchQuery(organization.id), enabled: may('usage.view') });
}

export const setWatch = (request: WatchRequest) => call('POST', '/api/spend-watch', done, request);

export const callExpected = (id: string) =>
  call('POST', `/api/spend-watch/anomalies/${encodeURIComponent(id)}/expected`, done);
