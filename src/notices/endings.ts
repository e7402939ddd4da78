import type { Db } from '#db/pool';
import { formatUsd } from '#kernel/money';
import { endingGrants } from '#ledger/band';
import type { NoticesDeps } from '#notices/deps';
import { type Notice, tellNew } from '#notices/tell';
import { endingKeys } from '#orgs/watched';
import { endingCards } from '#payments/cards-ending';

type Deps = Pick<NoticesDeps, 'pool' | 'entropy' | 'cards'>;

/** Days before the end, nearest first: who is looked at late is told the nearest alone. */
const GRANT_DAYS = [1, 7, 30];
const CARD_DAYS = [7, 30];
const KEY_DAYS = [1, 7];

/**
 * Meant for every minute: what ends soon. Each end and number of days has a key of its own, so
 * looking again, anywhere, tells nothing twice.
 */
export async function tellEndings(deps: Deps): Promise<void> {
  await tellNearest(deps, GRANT_DAYS, grantsWithin);
  await tellNearest(deps, KEY_DAYS, keysWithin);
  const { cards } = deps;
  if (cards !== undefined) {
    await tellNearest(deps, CARD_DAYS, (db, days) => cardsWithin(db, days, cards));
  }
}

interface Ending {
  /** What ends: of it the nearest days are told. */
  readonly subject: string;
  readonly notice: Notice;
}

type Look = (db: Db, days: number) => Promise<readonly Ending[]>;

async function tellNearest(deps: Deps, steps: readonly number[], look: Look): Promise<void> {
  const nearer = new Map<string, Notice>();
  for (const days of steps) {
    for (const { subject, notice } of await look(deps.pool, days)) {
      if (!nearer.has(subject)) nearer.set(subject, notice);
    }
  }
  await tellNew(deps, [...nearer.values()]);
}

async function grantsWithin(db: Db, days: number): Promise<Ending[]> {
  return (await endingGrants(db, days)).map((grant) => ({
    subject: grant.id,
    notice: {
      organizationId: grant.organizationId,
      kind: days === 1 ? 'grant_expiring_soon' : 'grant_expiring',
      key: `${grant.id}:${days}`,
      facts: {
        grant_id: grant.id,
        amount_usd: formatUsd(grant.amount),
        remaining_usd: formatUsd(grant.remaining),
        expires_at: grant.expiresAt.toISOString(),
        days,
      },
    },
  }));
}

async function keysWithin(db: Db, days: number): Promise<Ending[]> {
  return (await endingKeys(db, days)).map((key) => ({
    subject: key.id,
    notice: {
      organizationId: key.organizationId,
      kind: days === 1 ? 'key_expiring_soon' : 'key_expiring',
      key: `${key.id}:${days}`,
      facts: {
        api_key_id: key.id,
        name: key.name,
        hint: key.hint,
        expires_at: key.expiresAt.toISOString(),
        days,
      },
    },
  }));
}

async function cardsWithin(
  db: Db,
  days: number,
  { provider, environment }: NonNullable<Deps['cards']>,
): Promise<Ending[]> {
  return (await endingCards(db, { days, provider, environment })).map((card) => ({
    subject: card.id,
    notice: {
      organizationId: card.organizationId,
      kind: 'card_expiring',
      // A card its bank renewed ends anew.
      key: `${card.id}:${card.month}:${days}`,
      facts: {
        card: `${card.brand} •••• ${card.last4}`,
        month: card.month,
        default: card.isDefault,
        days,
      },
    },
  }));
}
