import { queryOptions } from '@tanstack/react-query';
import * as z from 'zod/mini';
import { createKeyResponse, keyList } from '#console-api/contract';
import { call } from './client.ts';

/** Either "done" or the revoked key: the page asks for the list again, so it reads neither. */
const revoked = z.unknown();

export const keysQuery = (organizationId: string) =>
  queryOptions({
    queryKey: [organizationId, 'keys'],
    queryFn: () => call('GET', '/api/keys', keyList),
  });

export const createKey = (name: string) => call('POST', '/api/keys', createKeyResponse, { name });

export const revokeKey = (id: string) =>
  call('POST', `/api/keys/${encodeURIComponent(id)}/revoke`, revoked);
