import { queryOptions } from '@tanstack/react-query';
import { starterResponse } from '#console-api/starter/contract';
import { call } from './client.ts';

const PATH = '/api/billing/starter-credit';

export const starterQuery = (organizationId: string) =>
  queryOptions({
    queryKey: [organizationId, 'starter-credit'],
    queryFn: () => call('GET', PATH, starterResponse),
  });

export const askForStarter = () => call('POST', PATH, starterResponse);
