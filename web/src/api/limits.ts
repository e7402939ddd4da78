import { queryOptions } from '@tanstack/react-query';
import { done, limitsResponse, type SetLimitRequest } from '#console-api/contract';
import { call } from './client.ts';

export const limitsQuery = (organizationId: string) =>
  queryOptions({
    queryKey: [organizationId, 'limits'],
    queryFn: () => call('GET', '/api/limits', limitsResponse),
  });

export const setLimit = (limit: SetLimitRequest) => call('POST', '/api/limits', done, limit);
