import { describe, expect, test } from 'vitest';
import { readUpstreamBatch } from './upstream-batch.ts';

const told = {
  id: 'msgbatch_01',
  type: 'message_batch',
  processing_status: 'ended',
  request_counts: { processing: 0, succeeded: 2, errored: 1, canceled: 0, expired: 0 },
  created_at: '2026-11-21T10:00:00Z',
  expires_at: '2026-11-22T10:00:00.123456Z',
  ended_at: '2026-11-21T11:00:00Z',
  cancel_initiated_at: null,
  archived_at: null,
  results_url: 'https://upstream.test/results',
};

describe('what the upstream says of a batch', () => {
  test('is read', () => {
    expect(readUpstreamBatch(told)).toMatchObject({
      id: 'msgbatch_01',
      status: 'ended',
      counts: { succeeded: 2, errored: 1 },
      endedAt: new Date('2026-11-21T11:00:00Z'),
      cancelInitiatedAt: null,
    });
  });

  test.each([
    ['nothing', null],
    ['a page', '<html>'],
    ['an id that leads elsewhere in a path', { ...told, id: '../v1/messages' }],
    ['no id', { ...told, id: undefined }],
    ['an unknown status', { ...told, processing_status: 'paused' }],
    ['counts that are none', { ...told, request_counts: { ...told.request_counts, expired: -1 } }],
    ['no counts', { ...told, request_counts: null }],
    ['no time of creation', { ...told, created_at: 'soon' }],
  ])('%s is not believed', (_what, value) => {
    expect(readUpstreamBatch(value)).toBeUndefined();
  });
});
