import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPool } from '#db/pool';
import { recordAudit } from '#identity/audit';
import type { OrganizationId } from '#kernel/ids';
import { parseUsd, ZERO } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { findOrCreateUser } from '#orgs/members';
import { setOrganizationStatus } from '#orgs/organizations';
import { CURRENT_CONSENT } from '#payments/card-consent';
import { beginSetup, refreshSetup } from '#payments/card-setups';
import { removeCard, savedCards } from '#payments/cards';
import type { PaymentsDeps } from '#payments/deps';
import { giveStarterCredit, starterStanding } from '#payments/starter';
import type { StarterTerms } from '#payments/starter-rules';
import { systemEntropy } from '#src/system';
import { type PaymentsWorld, paymentsWorld, VISA } from '#test/payments';

const MASTERCARD = '5555555555554444';
const DEBIT = '5200828282828210';
const PREPAID = '5105105105105100';
const RUSSIAN = '4000006430000009';
const FIVE = parseUsd('5') ?? ZERO;

let world: PaymentsWorld;
let on: PaymentsDeps;
let told: object[] = [];

beforeAll(async () => {
  world = await paymentsWorld();
  on = { ...world.deps, starter: terms() };
});
afterAll(() => world?.close());

const terms = (more: Partial<StarterTerms> = {}): StarterTerms => ({
  ...{ amount: FIVE, days: 30, prepaidCounts: false },
  secret: Buffer.from('a secret that is only for tests.'),
  audit: (tx, { organizationId, userId: actor, grantId: subject }) =>
    recordAudit(tx, { organizationId, actor, action: 'grant.starter', subject, requestId: null }),
  async tell(_tx, notice) {
    told.push(notice);
  },
  ...more,
});

/** Every test has cards of its own: what one used up, another would miss. */
async function fresh(): Promise<void> {
  await world.db.ownerPool.query({
    text: 'TRUNCATE payments.starter_claims, payments.starter_credits',
    values: [],
  });
  told = [];
}

const person = async (email: string): Promise<string> =>
  (await findOrCreateUser(world.db.pool, systemEntropy, email)).id;

let forms = 0;

/** As a person does who agrees, enters a card on the processor's page, and comes back. */
async function save(
  deps: PaymentsDeps,
  organizationId: OrganizationId,
  actor: string,
  number = VISA,
): Promise<void> {
  const begun = await beginSetup(deps, {
    ...{ organizationId, actor, ip: '203.0.113.7' },
    consentVersion: CURRENT_CONSENT.version,
    nonce: `form-${forms++}-of-starters`,
  });
  if (begun.outcome !== 'opened') throw new Error(begun.outcome);
  await fetch(`${world.simUrl}/_sim/pay/${begun.setup.sessionId}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ number, three_ds: 'pass' }),
  });
  const saved = await refreshSetup(deps, begun.setup);
  expect(saved.setup.state).toBe('saved');
}

const promotional = async (organizationId: OrganizationId) =>
  (await readBalance(world.db.pool, organizationId)).grants.filter(
    ({ kind }) => kind === 'promotional',
  );

const starters = (organizations: readonly OrganizationId[]) =>
  Promise.all(organizations.map(promotional)).then((lists) => lists.flat());

describe('starter credit', () => {
  it('comes with the first saved card, as promotional credit with its own end, and is on record', async () => {
    await fresh();
    const org = await world.organization();
    const ada = await person('ada@example.com');
    expect(await starterStanding(on, org, ada)).toEqual({ standing: 'needs_card' });
    expect(await giveStarterCredit(on, org, ada)).toEqual({ standing: 'needs_card' });
    await save(on, org, ada);
    const [grant, ...more] = await promotional(org);
    expect(more).toEqual([]);
    expect(grant).toMatchObject({ kind: 'promotional', amount: FIVE, remaining: FIVE });
    const life = (grant?.expiresAt.getTime() ?? 0) - (grant?.grantedAt.getTime() ?? 0);
    expect(Math.round(life / 86_400_000)).toBe(30);
    expect(await starterStanding(on, org, ada)).toMatchObject({
      standing: 'given',
      starter: { grantId: grant?.id, amount: FIVE },
    });
    const events = await world.db.ownerPool.query({
      text: `SELECT actor, subject FROM identity.audit_events
        WHERE organization_id = $1 AND action = 'grant.starter'`,
      values: [org],
    });
    expect(events).toEqual([{ actor: ada, subject: grant?.id }]);
    expect(told).toEqual([
      {
        ...{ organizationId: org, kind: 'starter_credit_given', key: grant?.id },
        facts: {
          ...{ grant_id: grant?.id, amount_usd: '5' },
          expires_at: grant?.expiresAt.toISOString(),
        },
      },
    ]);
  });

  it('is given to an organization once, whoever asks and with whatever card', async () => {
    await fresh();
    const org = await world.organization();
    await save(on, org, await person('ada@example.com'));
    await save(on, org, await person('bob@example.com'), MASTERCARD);
    const again = await giveStarterCredit(on, org, await person('eve@example.com'));
    expect(again).toMatchObject({ standing: 'given' });
    expect(await promotional(org)).toHaveLength(1);
  });

  it('is given to a person once, however the mailbox is spelled (T34)', async () => {
    await fresh();
    const [first, second] = [await world.organization(), await world.organization()];
    await save(on, first, await person('ada@example.com'));
    const tagged = await person('Ada+more@Example.com');
    await save(on, second, tagged, MASTERCARD);
    expect(await starters([second])).toEqual([]);
    expect(await starterStanding(on, second, tagged)).toEqual({
      standing: 'refused',
      why: 'email_used',
    });
    // The card was not used up by that: another person may have it.
    await giveStarterCredit(on, second, await person('bob@example.com'));
    expect(await starters([second])).toHaveLength(1);
  });

  it('is given for a card once, even if it is removed and entered anew elsewhere (T34)', async () => {
    await fresh();
    const [first, second] = [await world.organization(), await world.organization()];
    const ada = await person('ada@example.com');
    await save(on, first, ada);
    for (const card of await savedCards(on, first)) await removeCard(on, first, card.id);
    const bob = await person('bob@example.com');
    await save(on, second, bob);
    expect(await starters([second])).toEqual([]);
    expect(await starterStanding(on, second, bob)).toEqual({
      standing: 'refused',
      why: 'card_used',
    });
    // Another card of theirs does it.
    await save(on, second, bob, MASTERCARD);
    expect(await starters([second])).toHaveLength(1);
  });

  it('is not given for a prepaid card, unless the operator says so', async () => {
    await fresh();
    const org = await world.organization();
    const ada = await person('ada@example.com');
    await save(on, org, ada, PREPAID);
    expect(await starterStanding(on, org, ada)).toEqual({
      standing: 'refused',
      why: 'card_prepaid',
    });
    expect(await promotional(org)).toEqual([]);
    const lenient = { ...on, starter: terms({ prepaidCounts: true }) };
    expect(await starterStanding(lenient, org, ada)).toEqual({ standing: 'ready' });
    expect(await giveStarterCredit(lenient, org, ada)).toMatchObject({ standing: 'given' });
  });

  it('is not given for a card of a country that is not sold to, nor to a suspended organization', async () => {
    await fresh();
    const org = await world.organization();
    const ada = await person('ada@example.com');
    await save(on, org, ada, RUSSIAN);
    expect(await starterStanding(on, org, ada)).toMatchObject({ why: 'card_country' });
    await setOrganizationStatus(world.db.pool, org, 'suspended');
    await save(on, org, ada, DEBIT);
    expect(await starterStanding(on, org, ada)).toMatchObject({ why: 'suspended' });
    expect(await promotional(org)).toEqual([]);
  });

  it('finds the card that will do among several', async () => {
    await fresh();
    const [first, second] = [await world.organization(), await world.organization()];
    await save(on, first, await person('ada@example.com'));
    const bob = await person('bob@example.com');
    await save(world.deps, second, bob, PREPAID);
    await save(world.deps, second, bob, VISA);
    await save(world.deps, second, bob, DEBIT);
    expect(await starterStanding(on, second, bob)).toEqual({ standing: 'ready' });
    const given = await giveStarterCredit(on, second, bob);
    const debit = (await savedCards(on, second)).find(({ funding }) => funding === 'debit');
    expect(given).toMatchObject({ standing: 'given', starter: { cardId: debit?.id } });
  });

  it('is nothing at all where the operator gives none', async () => {
    await fresh();
    const org = await world.organization();
    const ada = await person('ada@example.com');
    await save(world.deps, org, ada);
    expect(await starterStanding(world.deps, org, ada)).toEqual({ standing: 'off' });
    expect(await giveStarterCredit(world.deps, org, ada)).toEqual({ standing: 'off' });
    expect(await promotional(org)).toEqual([]);
    // Cards that were saved before it was switched on count then.
    expect(await starterStanding(on, org, ada)).toEqual({ standing: 'ready' });
  });

  it('is not given to a program: an API key proves no e-mail', async () => {
    await fresh();
    const org = await world.organization();
    await save(world.deps, org, 'apikey_somebody');
    expect(await giveStarterCredit(on, org, 'apikey_somebody')).toEqual({ standing: 'off' });
  });

  it('leaves nothing in the database that names a mailbox or a card', async () => {
    await fresh();
    const org = await world.organization();
    await save(on, org, await person('ada@example.com'));
    const [card] = await savedCards(on, org);
    const rows = await world.db.ownerPool.query<{ kind: string; text: string }>({
      text: `SELECT kind, encode(digest, 'escape') || encode(digest, 'hex') AS text
        FROM payments.starter_claims ORDER BY kind`,
      values: [],
    });
    expect(rows.map(({ kind }) => kind)).toEqual(['card', 'email']);
    for (const { text } of rows) {
      expect(text).not.toContain('ada');
      expect(text).not.toContain(card?.fingerprint ?? 'no card');
    }
  });
});

describe('races (T34)', () => {
  const ROUNDS = 6;

  /** A second process is another pool: nothing is shared but the database. */
  async function twoProcesses<T>(work: (one: PaymentsDeps, other: PaymentsDeps) => Promise<T>) {
    const pool = openPool({ url: world.db.url, name: 'other', max: 4 });
    try {
      return await work(on, { ...on, pool });
    } finally {
      await pool.close();
    }
  }

  it('two organizations and two processes with one card: one grant', () =>
    twoProcesses(async (one, other) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        await fresh();
        const orgs = [await world.organization(), await world.organization()] as const;
        const people = [await person('ada@example.com'), await person('bob@example.com')] as const;
        await save(world.deps, orgs[0], people[0]);
        await save(world.deps, orgs[1], people[1]);
        const standings = await Promise.all([
          giveStarterCredit(one, orgs[0], people[0]),
          giveStarterCredit(other, orgs[1], people[1]),
          giveStarterCredit(other, orgs[0], people[0]),
          giveStarterCredit(one, orgs[1], people[1]),
        ]);
        expect(await starters(orgs)).toHaveLength(1);
        expect(standings.filter(({ standing }) => standing === 'given')).toHaveLength(2);
        expect(standings.filter((at) => at.standing === 'refused')).toEqual([
          { standing: 'refused', why: 'card_used' },
          { standing: 'refused', why: 'card_used' },
        ]);
      }
    }));

  it('two organizations of one person, each with a card of its own: one grant', () =>
    twoProcesses(async (one, other) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        await fresh();
        const orgs = [await world.organization(), await world.organization()] as const;
        const ada = await person('ada@example.com');
        const tagged = await person('ada+two@example.com');
        await save(world.deps, orgs[0], ada, VISA);
        await save(world.deps, orgs[1], tagged, MASTERCARD);
        await Promise.all([
          giveStarterCredit(one, orgs[0], ada),
          giveStarterCredit(other, orgs[1], tagged),
        ]);
        expect(await starters(orgs)).toHaveLength(1);
      }
    }));

  it('one organization asked for by two people at once: one grant', () =>
    twoProcesses(async (one, other) => {
      for (let round = 0; round < ROUNDS; round += 1) {
        await fresh();
        const org = await world.organization();
        const [ada, bob] = [await person('ada@example.com'), await person('bob@example.com')];
        await save(world.deps, org, ada, VISA);
        await save(world.deps, org, bob, MASTERCARD);
        await Promise.all([giveStarterCredit(one, org, ada), giveStarterCredit(other, org, bob)]);
        expect(await promotional(org)).toHaveLength(1);
        // What the loser would have used up is still there.
        const claims = await world.db.ownerPool.query({
          text: 'SELECT FROM payments.starter_claims',
          values: [],
        });
        expect(claims).toHaveLength(2);
      }
    }));

  it('what fails in between gives nothing and uses nothing up', async () => {
    await fresh();
    const org = await world.organization();
    const ada = await person('ada@example.com');
    await save(world.deps, org, ada);
    const failing = terms({ audit: () => Promise.reject(new Error('the record is away')) });
    const asked = giveStarterCredit({ ...on, starter: failing }, org, ada);
    await expect(asked).rejects.toThrow('the record is away');
    expect(await promotional(org)).toEqual([]);
    expect(await giveStarterCredit(on, org, ada)).toMatchObject({ standing: 'given' });
  });
});
