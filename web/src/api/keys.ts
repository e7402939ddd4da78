import { queryOptions } from '@tanstack/react-query';
import * as z from 'zod/mini';
import { type CreateKeyRequest, createKeyResponse, keyList } from '#console-api/contract';
import { call } from './client.ts';

/** The page asks for the list again, so it reads nothing here. */
const changed = z.unknown();

export const keysQuery = (organizationId: string) =>
  queryOptions({
    queryKey: [organizationId, 'keys'],
    queryFn: () => call('GET', '/api/keys', keyList),
  });

export const createKey = (key: CreateKeyRequest) =>
  call('POST', '/api/keys', createKeyResponse, key);

export type KeyMove = 'disable' | 'enable' | 'resume' | 'revoke';

export const changeKey = (id: string, move: KeyMove) =>
  call('POST', `/api/keys/${encodeURIComponent(id)}/${move}`, changed);
