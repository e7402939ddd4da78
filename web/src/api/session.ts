import { queryOptions } from '@tanstack/react-query';
import {
  completeSignInResponse,
  done,
  type MeResponse,
  meResponse,
  signInResponse,
  siteResponse,
} from '#console-api/contract';
import { call } from './client.ts';

export type Ability = MeResponse['abilities'][number];

export const siteQuery = queryOptions({
  queryKey: ['site'],
  queryFn: () => call('GET', '/api/site', siteResponse),
  staleTime: Number.POSITIVE_INFINITY,
});

// Stale at once: another tab may have switched the session to another organization.
export const meQuery = queryOptions({
  queryKey: ['me'],
  queryFn: () => call('GET', '/api/me', meResponse),
  staleTime: 2_000,
});

export const requestLink = (email: string) =>
  call('POST', '/api/sign-in', signInResponse, { email });

export const completeSignIn = (token: string) =>
  call('POST', '/api/sign-in/complete', completeSignInResponse, { token });

export const signOut = () => call('POST', '/api/sign-out', done);

export const selectOrganization = (organizationId: string) =>
  call('POST', '/api/me/organization', meResponse, { organization_id: organizationId });

export const createOrganization = (name: string) =>
  call('POST', '/api/organizations', meResponse, { name });
