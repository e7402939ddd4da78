import type { BookedRequest, Books } from './books.ts';
import { type GrantTruth, promises, type RequestTruth, type Truth } from './truth.ts';

const RESOLVED = new Set(['settled', 'settled_late', 'voided']);
const CHARGED = new Set(['settled', 'settled_late']);
const GRANTED = new Set(['issued', 'already_issued']);

/**
 * Compares what nodes were told with what the ledger has, after everything has come to rest. Each
 * sentence is a violation: something acknowledged is lost, or something happened twice.
 */
export function differences(truth: Truth, orgs: ReadonlySet<string>, books: Books): string[] {
  const found: string[] = [];
  const booked = new Map(books.requests.map((row) => [row.id, row]));
  for (const request of truth.requests.values()) {
    if (!orgs.has(request.org)) continue;
    found.push(
      ...ofRequest(request, booked.get(request.id)).map((what) => `${request.id} ${what}`),
    );
  }
  for (const row of books.requests) {
    if (truth.requests.has(row.id)) continue;
    found.push(`${row.id} is in the ledger (${row.state}, ${row.settled}), nobody asked for it`);
  }
  found.push(...ofGrants(truth, orgs, books));
  for (const { organization_id, transaction_no, settled, given } of books.overspent) {
    found.push(`${organization_id} at ${transaction_no}: ${settled} settled, ${given} given`);
  }
  for (const { organization_id, held_nanos, open_holds } of books.held) {
    if (held_nanos === 0n && open_holds === 0n) continue;
    found.push(`${organization_id} at rest still holds ${held_nanos} in ${open_holds} open holds`);
  }
  return found;
}

function ofRequest(request: RequestTruth, row: BookedRequest | undefined): string[] {
  const found: string[] = [];
  const state = row?.state ?? null;
  const charged = row?.settled ?? 0n;
  if ((row?.transactions ?? 0n) > 1n) found.push(`is in ${row?.transactions} ledger transactions`);
  if (charged !== (row?.charged_nanos ?? 0n)) {
    found.push(`has entries of ${charged}, its hold says ${row?.charged_nanos}`);
  }
  if (request.asked === 'held' && state === null) found.push('was held, and has no hold');
  if (request.attempts.length === 0) {
    if (state !== null && state !== 'expired') found.push(`was never ended, and is ${state}`);
    if (charged > 0n) found.push(`was never ended, and is charged ${charged}`);
    return found;
  }
  const told = promises(request);
  for (const { outcome, charged: said } of told) {
    if (state === null || !RESOLVED.has(state)) found.push(`was told ${outcome}, and is ${state}`);
    if (said !== undefined && said !== charged) {
      found.push(`was told ${outcome} for ${said}, the ledger charged ${charged}`);
    }
  }
  if (request.answers.some(({ outcome }) => outcome === 'rejected')) found.push('was rejected');
  found.push(...ofEnding(request, row));
  return found;
}

/** Whoever was or was not told: what is booked is one whole ending that somebody asked for. */
function ofEnding(request: RequestTruth, row: BookedRequest | undefined): string[] {
  const state = row?.state ?? null;
  const total = (row?.settled ?? 0n) + (row?.overrun ?? 0n);
  const loss = row?.loss ?? 0n;
  const wanted = request.attempts.filter(
    ({ resolution }) => resolution === (CHARGED.has(state ?? '') ? 'settle' : 'void'),
  );
  if (state !== null && RESOLVED.has(state)) {
    if (wanted.some((one) => one.cost === total && one.loss === loss)) return [];
    return [`is ${state} with ${total} and loss ${loss}, which nobody asked for`];
  }
  return total + loss > 0n ? [`is ${state}, with entries of ${total} and loss ${loss}`] : [];
}

function ofGrants(truth: Truth, orgs: ReadonlySet<string>, books: Books): string[] {
  const found: string[] = [];
  const bySource = Map.groupBy(books.grants, ({ source }) => source);
  for (const [source, expected] of truth.grants) {
    if (!orgs.has(expected.purchase.payer.organizationId)) continue;
    const rows = bySource.get(source) ?? [];
    found.push(...ofGrant(expected, rows).map((what) => `${source} ${what}`));
  }
  for (const { source, amount_nanos } of books.grants) {
    if (!truth.grants.has(source)) found.push(`${source} gave ${amount_nanos}, nobody paid it`);
  }
  return found;
}

function ofGrant({ purchase, answers }: GrantTruth, rows: Books['grants']): string[] {
  const found: string[] = [];
  if (rows.length > 1) found.push(`made ${rows.length} grants`);
  for (const { id, amount_nanos, booked, bookings } of rows) {
    if (amount_nanos !== purchase.amount || booked !== purchase.amount || bookings !== 1n) {
      found.push(`of ${purchase.amount}: ${amount_nanos} granted as ${id}, ${booked} booked`);
    }
  }
  for (const { outcome, grant } of answers) {
    if (!GRANTED.has(outcome)) continue;
    if (!rows.some(({ id }) => id === grant)) found.push(`was told ${grant}, which is not there`);
  }
  return found;
}
