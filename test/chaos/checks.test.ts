import { expect, test } from 'vitest';
import { parseId } from '#kernel/ids';
import { nanos, ZERO } from '#kernel/money';
import type { BookedRequest, Books } from './books.ts';
import { differences } from './checks.ts';
import type { Report } from './reports.ts';
import { Truth } from './truth.ts';

const known = <T>(value: T | undefined): T => {
  if (value === undefined) throw new Error('not an id');
  return value;
};
const org = known(parseId('organization', 'org_1'));
const id = known(parseId('request', 'req_1'));
const payer = {
  organizationId: org,
  workspaceId: known(parseId('workspace', 'wrkspc_1')),
  apiKeyId: known(parseId('apiKey', 'apikey_1')),
};
const purchase = { payer, source: 'pi_1', kind: 'purchase', amount: nanos(9n), tax: ZERO } as const;

const ASKS: Report = { t: 'asks', id, org, amount: nanos(10n) };
const HELD: Report = { t: 'asked', id, outcome: 'held' };
const SETTLES: Report = { t: 'resolves', id, resolution: 'settle', cost: nanos(7n), loss: ZERO };
const SETTLED: Report = { t: 'resolved', id, outcome: 'settled', charged: nanos(7n) };
const JOURNALED: Report = { t: 'resolved', id, outcome: 'journaled' };

const row: BookedRequest = {
  ...{ organization_id: org, id, state: 'settled', charged_nanos: 7n },
  ...{ settled: 7n, overrun: 0n, loss: 0n, transactions: 1n },
};
const lapsed = { ...row, state: 'expired', charged_nanos: null, settled: 0n, transactions: 0n };
const grant = {
  ...{ organization_id: org, id: 'grant_1', source: 'pi_1' },
  ...{ amount_nanos: 9n, booked: 9n, bookings: 1n },
};

function found(reports: readonly Report[], books: Partial<Books>, purchases = [purchase]) {
  const truth = new Truth();
  if (books.grants !== undefined) truth.expect(purchases);
  for (const report of reports) truth.hear(report);
  const empty: Books = { requests: [], grants: [], overspent: [], held: [] };
  return differences(truth, new Set([org]), { ...empty, ...books });
}

test('what was acknowledged and is booked as told is no difference', () => {
  expect(found([ASKS, HELD, SETTLES, SETTLED], { requests: [row] })).toEqual([]);
  expect(found([ASKS, HELD, SETTLES, JOURNALED], { requests: [row] })).toEqual([]);
});

test('what nobody was told may be booked once or not at all', () => {
  expect(found([ASKS, HELD, SETTLES], { requests: [row] })).toEqual([]);
  expect(found([ASKS, HELD, SETTLES], { requests: [lapsed] })).toEqual([]);
  expect(found([ASKS], { requests: [] })).toEqual([]);
});

test.each<[string, Report[], BookedRequest[]]>([
  ['an acknowledged settlement is lost', [ASKS, HELD, SETTLES, SETTLED], [lapsed]],
  ['a journaled settlement is lost', [ASKS, HELD, SETTLES, JOURNALED], [lapsed]],
  ['an acknowledged hold is lost', [ASKS, HELD], []],
  ['a charge is not the one told', [ASKS, HELD, SETTLES, SETTLED], [{ ...row, settled: 6n }]],
  ['a request is charged twice', [ASKS, HELD, SETTLES], [{ ...row, transactions: 2n }]],
  ['twice, in one sum', [ASKS, HELD, SETTLES], [{ ...row, settled: 14n, charged_nanos: 14n }]],
  ['a request nobody ended is charged', [ASKS, HELD], [row]],
  ['a hold nobody ended stays open', [ASKS, HELD], [{ ...lapsed, state: 'open' }]],
  ['a request nobody made is charged', [], [row]],
  ['a settled request is booked as void', [ASKS, HELD, SETTLES], [{ ...lapsed, state: 'voided' }]],
])('seen: %s', (_, reports, requests) => {
  expect(found(reports, { requests })).not.toEqual([]);
});

const TOLD: Report = { t: 'granted', org, source: 'pi_1', outcome: 'issued', grant: 'grant_1' };

test('a payment may make one grant, or none while nobody was told of it', () => {
  expect(found([TOLD], { grants: [grant] })).toEqual([]);
  expect(found([], { grants: [grant] })).toEqual([]);
  expect(found([], { grants: [] })).toEqual([]);
});

test.each<[string, Report[], Books['grants'][number][]]>([
  ['an acknowledged grant is lost', [TOLD], []],
  ['a payment made two grants', [TOLD], [grant, { ...grant, id: 'grant_2' }]],
  ['a grant is booked twice', [TOLD], [{ ...grant, booked: 18n, bookings: 2n }]],
  ['a grant nobody paid', [], [{ ...grant, source: 'pi_2' }]],
])('seen: %s', (_, reports, grants) => {
  expect(found(reports, { grants })).not.toEqual([]);
});

test('seen: more settled than given at a point of the sequence, and a hold left at rest', () => {
  const point = { organization_id: org, transaction_no: 3n, given: 5n, settled: 6n };
  expect(found([], { overspent: [point] })).toHaveLength(1);
  const left = { organization_id: org, held_nanos: 10n, open_holds: 1n };
  expect(found([], { held: [left] })).toHaveLength(1);
});
