import { queryOptions } from '@tanstack/react-query';
import { type ReloadRequest, reloadResponse } from '#console-api/reload/contract';
import { call } from './client.ts';

export const reloadQuery = (organizationId: string) =>
  queryOptions({
    queryKey: [organizationId, 'auto-reload'],
    queryFn: () => call('GET', '/api/auto-reload', reloadResponse),
  });

export const saveReload = (settings: ReloadRequest) =>
  call('POST', '/api/auto-reload', reloadResponse, settings);
