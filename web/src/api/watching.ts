import { queryOptions } from '@tanstack/react-query';
import { watchingResponse } from '#console-api/watching/contract';
import { call } from './client.ts';

export const watchingQuery = (organizationId: string) =>
  queryOptions({
    queryKey: [organizationId, 'watching'],
    queryFn: () => call('GET', '/api/billing/watching', watchingResponse),
  });
