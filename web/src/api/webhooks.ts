import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import * as z from 'zod/mini';
import {
  deliveriesResponse,
  type EndpointRequest,
  endpointWithSecret,
  webhooksResponse,
} from '#console-api/webhooks/contract';
import { call } from './client.ts';

/** The page asks for the list again, so it reads nothing here. */
const changed = z.unknown();
const pathOf = (id: string) => `/api/webhooks/${encodeURIComponent(id)}`;

/** What is on its way arrives without anybody pressing anything. */
const WATCH_MS = 2_000;

export const webhooksQuery = (organizationId: string) =>
  queryOptions({
    queryKey: [organizationId, 'webhooks'],
    queryFn: () => call('GET', '/api/webhooks', webhooksResponse),
    refetchInterval: 2 * WATCH_MS,
  });

export const deliveriesQuery = (organizationId: string, id: string) =>
  infiniteQueryOptions({
    queryKey: [organizationId, 'webhooks', id],
    queryFn: ({ pageParam }) =>
      call('GET', `${pathOf(id)}/deliveries${pageParam}`, deliveriesResponse),
    initialPageParam: '',
    getNextPageParam: ({ deliveries, more }) => {
      const last = deliveries.at(-1);
      return more && last !== undefined ? `?before=${last.event_id}` : undefined;
    },
    refetchInterval: WATCH_MS,
  });

export const createEndpoint = (endpoint: EndpointRequest) =>
  call('POST', '/api/webhooks', endpointWithSecret, endpoint);

export const changeEndpoint = (id: string, endpoint: EndpointRequest) =>
  call('POST', pathOf(id), changed, endpoint);

export const rotateSecret = (id: string) =>
  call('POST', `${pathOf(id)}/rotate`, endpointWithSecret);

export type EndpointDeed = 'pause' | 'enable' | 'remove' | 'test';

export const actOn = (id: string, deed: EndpointDeed) =>
  call('POST', `${pathOf(id)}/${deed}`, changed);

export const resend = (id: string, event: string) =>
  call('POST', `${pathOf(id)}/deliveries/${encodeURIComponent(event)}/resend`, changed);
