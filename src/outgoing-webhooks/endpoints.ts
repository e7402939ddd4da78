import type { Db } from '#db/pool';
import { newId, type WebhookEndpointId } from '#kernel/ids';
import { type EventType, isEventType, SUBSCRIBABLE } from './catalogue.ts';
import type { EndpointDeps, SecretDeps } from './deps.ts';
import * as sql from './endpoints-sql.ts';
import { newSecretKey, sealSecret, secretText } from './secret.ts';
import { ENDPOINT_MOVES, type EndpointMove } from './states.ts';
import { readTarget, type TargetRefusal } from './target.ts';

/** Enough for every system of one customer; each event is a request to each of them. */
export const ENDPOINTS_MAX = 10;
/** How long the old secret signs too after a rotation: time to bring the new one to every receiver. */
export const OVERLAP_SECONDS = 24 * 3_600;

export interface Endpoint extends Omit<sql.EndpointRow, 'eventTypes'> {
  /** None: every type. */
  readonly eventTypes: readonly EventType[];
}

export interface EndpointFacts {
  readonly url: string;
  readonly description: string;
  readonly eventTypes: readonly string[];
}

/** Only `created` and `rotated` tell the secret, and only then: afterwards nobody can read it. */
export type Refused =
  | { readonly outcome: 'url_refused'; readonly why: TargetRefusal }
  | { readonly outcome: 'unknown_type'; readonly type: string };

export type Created =
  | { readonly outcome: 'created'; readonly endpoint: Endpoint; readonly secret: string }
  | { readonly outcome: 'too_many' }
  | Refused;

export type Changed =
  | { readonly outcome: 'changed'; readonly endpoint: Endpoint }
  | { readonly outcome: 'unknown_endpoint' }
  | Refused;

export async function listEndpoints(db: Db, organizationId: string): Promise<Endpoint[]> {
  const rows = await db.query<sql.EndpointRow>(sql.listEndpoints(organizationId));
  return rows.map(endpointOf);
}

export async function readEndpoint(
  db: Db,
  organizationId: string,
  id: string,
): Promise<Endpoint | undefined> {
  const [row] = await db.query<sql.EndpointRow>(sql.readEndpoint(organizationId, id));
  return row && endpointOf(row);
}

/** In a transaction of its own, or of whoever notes who did it. */
export async function createEndpoint(
  tx: Db,
  deps: EndpointDeps,
  asked: EndpointFacts & { readonly organizationId: string; readonly createdBy: string },
): Promise<Created> {
  const facts = checked(deps, asked);
  if (facts.outcome !== 'good') return facts;
  const { organizationId, createdBy } = asked;
  await tx.query(sql.lockOrganization(organizationId));
  const there = await listEndpoints(tx, organizationId);
  if (there.length >= ENDPOINTS_MAX) return { outcome: 'too_many' };
  const id: WebhookEndpointId = newId('webhookEndpoint', deps.entropy);
  const made = newSecret(deps, organizationId, id);
  const row = { organizationId, id, createdBy, ...facts.facts, secret: made.sealed };
  const [stored] = await tx.query<sql.EndpointRow>(sql.insertEndpoint(row));
  if (stored === undefined) throw new Error('an inserted endpoint is answered');
  return { outcome: 'created', endpoint: endpointOf(stored), secret: made.text };
}

export async function changeEndpoint(
  tx: Db,
  deps: EndpointDeps,
  asked: EndpointFacts & { readonly organizationId: string; readonly id: string },
): Promise<Changed> {
  const facts = checked(deps, asked);
  if (facts.outcome !== 'good') return facts;
  const { organizationId, id } = asked;
  const row = { organizationId, id, ...facts.facts };
  return changedBy(await tx.query<sql.EndpointRow>(sql.updateEndpoint(row)));
}

/** From now on both secrets sign, and for a day. */
export async function rotateSecret(
  tx: Db,
  deps: SecretDeps,
  organizationId: string,
  id: string,
): Promise<
  | { readonly outcome: 'rotated'; readonly endpoint: Endpoint; readonly secret: string }
  | { readonly outcome: 'unknown_endpoint' }
> {
  const made = newSecret(deps, organizationId, id);
  const rows = await tx.query<sql.EndpointRow>(
    sql.rotateSecret(organizationId, id, made.sealed, OVERLAP_SECONDS),
  );
  const changed = changedBy(rows);
  if (changed.outcome !== 'changed') return changed;
  return { outcome: 'rotated', endpoint: changed.endpoint, secret: made.text };
}

/** With everything that was sent to it. */
export async function removeEndpoint(
  tx: Db,
  organizationId: string,
  id: string,
): Promise<'removed' | 'unknown_endpoint'> {
  const removed = await tx.query(sql.deleteEndpoint(organizationId, id));
  return removed.length > 0 ? 'removed' : 'unknown_endpoint';
}

/** What waits while it is off goes out when it is on again; what happens meanwhile does not. */
export async function moveEndpoint(
  tx: Db,
  organizationId: string,
  id: string,
  move: EndpointMove,
): Promise<
  | { readonly outcome: 'changed'; readonly endpoint: Endpoint; readonly moved: boolean }
  | { readonly outcome: 'unknown_endpoint' }
> {
  const { from, to } = ENDPOINT_MOVES[move];
  const rows = await tx.query<sql.EndpointRow>(sql.moveEndpoint(organizationId, id, from, to));
  const [row] = rows;
  if (row !== undefined) return { outcome: 'changed', endpoint: endpointOf(row), moved: true };
  const there = await readEndpoint(tx, organizationId, id);
  if (there === undefined) return { outcome: 'unknown_endpoint' };
  return { outcome: 'changed', endpoint: there, moved: false };
}

function changedBy(
  rows: readonly sql.EndpointRow[],
): { outcome: 'changed'; endpoint: Endpoint } | { outcome: 'unknown_endpoint' } {
  const [row] = rows;
  return row === undefined
    ? { outcome: 'unknown_endpoint' }
    : { outcome: 'changed', endpoint: endpointOf(row) };
}

function checked(
  { policy }: EndpointDeps,
  { url, description, eventTypes }: EndpointFacts,
): { readonly outcome: 'good'; readonly facts: EndpointFacts } | Refused {
  const read = readTarget(url, policy);
  if (read.outcome === 'refused') return { outcome: 'url_refused', why: read.why };
  const unknown = eventTypes.find((type) => !SUBSCRIBABLE.some((known) => known === type));
  if (unknown !== undefined) return { outcome: 'unknown_type', type: unknown };
  const wanted = SUBSCRIBABLE.filter((type) => eventTypes.includes(type));
  const facts = { url: read.target.text, description: description.trim(), eventTypes: wanted };
  return { outcome: 'good', facts };
}

function newSecret(deps: SecretDeps, organizationId: string, endpointId: string) {
  const key = newSecretKey(deps.entropy);
  return {
    text: secretText(key),
    sealed: sealSecret(key, { organizationId, endpointId }, deps),
  };
}

const endpointOf = (row: sql.EndpointRow): Endpoint => ({
  ...row,
  eventTypes: row.eventTypes.filter(isEventType),
});
