import { queryOptions } from '@tanstack/react-query';
import {
  mailboxMail,
  mailboxResponse,
  type NoticeLinkRequest,
  type NoticeSettingsRequest,
  noticeLinkResponse,
  noticesResponse,
} from '#console-api/notices/contract';
import { call } from './client.ts';

export const noticesQuery = (organizationId: string) =>
  queryOptions({
    queryKey: [organizationId, 'notices'],
    queryFn: () => call('GET', '/api/notices', noticesResponse),
  });

export const saveNoticeSettings = (settings: NoticeSettingsRequest) =>
  call('POST', '/api/notices/settings', noticesResponse, settings);

export const addNoticeAddress = (added: { address: string; topics: string[] }) =>
  call('POST', '/api/notices/addresses', noticesResponse, added);

export const removeNoticeAddress = (address: string) =>
  call('POST', '/api/notices/addresses/remove', noticesResponse, { address });

export const resumeNotices = (topic: string) =>
  call('POST', '/api/notices/resume', noticesResponse, { topic });

export const followNoticeLink = (link: NoticeLinkRequest) =>
  call('POST', '/api/notices/link', noticeLinkResponse, link);

export const mailboxQuery = queryOptions({
  queryKey: ['mailbox'],
  queryFn: () => call('GET', '/api/mailbox', mailboxResponse),
  refetchInterval: 3_000,
});

export const mailQuery = (id: string) =>
  queryOptions({
    queryKey: ['mailbox', id],
    queryFn: () => call('GET', `/api/mailbox/${encodeURIComponent(id)}`, mailboxMail),
  });
