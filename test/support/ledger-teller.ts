import { expect } from 'vitest';
import type { Charging } from '#charging/charging';
import { expireLapsedHolds } from '#charging/lapse';
import { setSpendLimit } from '#charging/limits';
import type { Db, Pool } from '#db/pool';
import { type ApiKeyId, type GrantId, newId, parseId, type RequestId } from '#kernel/ids';
import { nanos } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { bookStoppedGrants } from '#ledger/breakage';
import { freezeGrant, releaseFreeze, seizeFreeze } from '#ledger/disputes';
import { issueGrant } from '#ledger/grants';
import { refundFailed, refundGrant, refundPaid } from '#ledger/refunds';
import { voidGrant } from '#ledger/voiding';
import { systemEntropy } from '#src/system';
import { History, LEASE_MS, type Step } from '#test/ledger-history';
import { monthOf } from '#test/ledger-model';
import { type Payer, recordOf } from '#test/ledger-world';

type Doing<D extends Step['does']> = Extract<Step, { does: D }>;

export interface TellerWorld {
  readonly pool: Pool;
  readonly charging: Charging;
  /** Moves the clock of the database to that of the model. */
  readonly setClock: (now: number) => Promise<void>;
}

/**
 * Tells every step of a history to PostgreSQL and to the plain model at the same time, and compares
 * each answer and the position after it.
 */
export class Teller {
  readonly history: History;
  readonly #world: TellerWorld;
  readonly #payer: Payer;
  readonly #keys: readonly ApiKeyId[];

  constructor(world: TellerWorld, payer: Payer, keys: readonly ApiKeyId[], begins: number) {
    this.#world = world;
    this.#payer = payer;
    this.#keys = keys;
    const workspace = payer.workspaceId;
    this.history = new History(
      payer.organizationId,
      keys.map((key) => ({ key, workspace })),
      begins,
    );
  }

  async tell(step: Step): Promise<void> {
    const { ledger } = this.history;
    ledger.now += 1;
    ledger.real += 1;
    await this.#world.setClock(ledger.now);
    await this.#one(step);
    await this.#followLapses();
    await this.#samePosition();
  }

  #tx<T>(work: (tx: Db) => Promise<T>): Promise<T> {
    return this.#world.pool.transaction(work);
  }

  #hold(which: number): { id: RequestId; amount: bigint } {
    const { id, amount } = History.pick(this.history.holds, which, { id: 'req_none', amount: 0n });
    return { id: parseId('request', id) ?? newId('request', systemEntropy), amount };
  }

  #grant(which: number): GrantId {
    const id = parseId('grant', this.history.grantAt(which));
    return id ?? newId('grant', systemEntropy);
  }

  async #one(s: Step): Promise<void> {
    switch (s.does) {
      case 'grant':
        return await this.#issue(s);
      case 'hold':
      case 'extend':
        return await this.#promise(s);
      case 'settle':
      case 'void':
        return await this.#resolve(s);
      case 'limit':
        return await this.#limit(s);
      case 'wait':
        this.history.pass(s.hours);
        return await this.#world.setClock(this.history.ledger.now);
      case 'lapse':
        await expireLapsedHolds(this.#world.pool, 1_000);
        return this.history.ledger.lapse();
      case 'book':
        await bookStoppedGrants(this.#world.pool, 1_000);
        this.history.grants.book();
        return;
      case 'refund':
      case 'refund paid':
      case 'refund failed':
        return await this.#refund(s);
      default:
        return await this.#dispute(s);
    }
  }

  async #issue(s: Doing<'grant'>): Promise<void> {
    const { organizationId } = this.#payer;
    const { ledger, grants } = this.history;
    const grantId = newId('grant', systemEntropy);
    const expires = ledger.now + s.days * 86_400_000;
    const tax = s.kind === 'purchase' ? s.tax : 0n;
    const { expiresAt: _, ...real } = await this.#tx((tx) =>
      issueGrant(tx, {
        ...{ organizationId, grantId, kind: s.kind, amount: nanos(s.amount), tax: nanos(tax) },
        ...{ source: `pi_${grantId}`, expiresAt: new Date(expires) },
      }),
    );
    const expected = grants.issue({
      ...{ id: grantId, kind: s.kind, amount: s.amount, tax, source: `pi_${grantId}` },
      expiresAt: expires,
    });
    expect(real).toEqual(expected);
  }

  async #promise(s: Doing<'hold' | 'extend'>): Promise<void> {
    const { organizationId, workspaceId } = this.#payer;
    const { charging } = this.#world;
    const { ledger, holds } = this.history;
    if (s.does === 'hold') {
      const requestId = newId('request', systemEntropy);
      const key = History.pick(this.#keys, s.key, this.#payer.apiKeyId);
      const amount = nanos(s.amount);
      const asked = { organizationId, workspaceId, apiKeyId: key, requestId, amount };
      const real = await charging.hold(asked);
      const [told] = ledger.promise([{ kind: 'place', id: requestId, key, amount }], LEASE_MS);
      expect(real.outcome).toBe(told?.outcome);
      if (real.outcome === 'limit_reached') expect(real.subjectId).toBe(told?.subject);
      if (real.outcome === 'held') holds.push({ id: requestId, amount: s.amount });
      return;
    }
    const hold = this.#hold(s.which);
    const toAmount = nanos(hold.amount + s.by);
    const real = await charging.extend({ organizationId, requestId: hold.id, toAmount });
    const limit = real.outcome === 'limit_reached' ? real : undefined;
    const told = {
      outcome: real.outcome,
      level: limit?.level ?? null,
      subject: limit?.subjectId ?? null,
    };
    const asked = { kind: 'extend', id: hold.id, key: null, amount: toAmount, told } as const;
    expect(real.outcome).toBe(ledger.promise([asked], LEASE_MS)[0]?.outcome);
  }

  async #resolve(s: Doing<'settle' | 'void'>): Promise<void> {
    const { organizationId } = this.#payer;
    const { id: requestId, amount } = this.#hold(s.which);
    const cost = s.does === 'settle' ? (amount * s.percent) / 100n : 0n;
    const loss = s.does === 'void' ? s.loss : 0n;
    const resolution = s.does;
    const record = recordOf(this.#payer, { lossUsage: nanos(loss) });
    const command = { organizationId, requestId, resolution, cost: nanos(cost), record };
    const real = await this.#world.charging.settle(command);
    const told = this.history.ledger.resolve({
      ...{ id: requestId, resolution, cost, loss, happenedAt: null },
    });
    expect(real.outcome).toBe(told.outcome);
    if ('charged' in real) expect(real.charged).toBe(told.charged);
    if (!('flags' in real)) return;
    expect(real.flags.includes('late')).toBe(told.late);
    expect(real.flags.includes('overrun')).toBe(told.overrun > 0n);
  }

  async #limit(s: Doing<'limit'>): Promise<void> {
    const { organizationId, workspaceId, apiKeyId } = this.#payer;
    const { ledger } = this.history;
    const levels = [
      { level: 'organization', subject: organizationId },
      { level: 'workspace', subject: workspaceId },
      { level: 'api_key', subject: apiKeyId },
    ] as const;
    const { level, subject } = History.pick(levels, s.level, levels[0]);
    const action = s.pauses ? 'notify_and_pause' : 'notify_only';
    const amount = s.amount === null ? null : nanos(s.amount);
    const change = { organizationId, level, subjectId: subject, amount, action } as const;
    await setSpendLimit(this.#world.pool, { ...change, setBy: 'history' });
    const since = ledger.limits.find((l) => l.level === level)?.since ?? monthOf(ledger.now);
    const others = ledger.limits.filter((l) => l.level !== level);
    const set = amount === null ? [] : [{ level, subject, amount, pauses: s.pauses, since }];
    ledger.limits.splice(0, ledger.limits.length, ...others, ...set);
  }

  async #refund(s: Doing<'refund' | 'refund paid' | 'refund failed'>): Promise<void> {
    const { organizationId } = this.#payer;
    const { grants, refunds } = this.history;
    if (s.does === 'refund') {
      const reference = `re_${newId('request', systemEntropy)}`;
      const grantId = this.#grant(s.which);
      const amount = s.amount === 'all' ? s.amount : nanos(s.amount);
      const asked = { organizationId, reference, grantId, amount, unit: nanos(s.unit) };
      const real = await this.#tx((tx) => refundGrant(tx, asked));
      refunds.push(reference);
      expect(real).toEqual(grants.refund(reference, grantId, s.amount, s.unit));
      return;
    }
    const which = { organizationId, reference: History.pick(refunds, s.which, 're_none') };
    const { reference } = which;
    if (s.does === 'refund paid') {
      expect(await this.#tx((tx) => refundPaid(tx, which))).toEqual(grants.refundPaid(reference));
      return;
    }
    expect(await this.#tx((tx) => refundFailed(tx, which))).toEqual(grants.refundFailed(reference));
  }

  async #dispute(s: Doing<'freeze' | 'release' | 'seize' | 'void grant'>): Promise<void> {
    const { organizationId } = this.#payer;
    const { grants, disputes } = this.history;
    if (s.does === 'void grant') {
      const grantId = this.#grant(s.which);
      const asked = { organizationId, grantId, reason: 'a mistake' };
      expect(await this.#tx((tx) => voidGrant(tx, asked))).toEqual(grants.void(grantId));
      return;
    }
    if (s.does === 'freeze') {
      const reference = `dp_${newId('request', systemEntropy)}`;
      const grantId = this.#grant(s.which);
      const real = await this.#tx((tx) => freezeGrant(tx, { organizationId, reference, grantId }));
      expect(real).toEqual(grants.freeze(reference, grantId));
      disputes.push(reference);
      return;
    }
    const reference = History.pick(disputes, s.which, 'dp_none');
    const which = { organizationId, reference };
    if (s.does === 'release') {
      expect(await this.#tx((tx) => releaseFreeze(tx, which))).toEqual(grants.release(reference));
      return;
    }
    const claimed = s.claimed === null ? undefined : s.claimed;
    const asked = { ...which, ...(claimed === undefined ? {} : { claimed: nanos(claimed) }) };
    expect(await this.#tx((tx) => seizeFreeze(tx, asked))).toEqual(
      grants.seize(reference, claimed),
    );
  }

  /**
   * Who finds a lapsed hold in the way books the lapse, under the lock: a late settlement, a hold
   * that finds too little, the sweep. When is PostgreSQL's choice, because a lapsed hold no longer
   * counts anyway (H4). So the model is told; but only what has lapsed may be booked as lapsed.
   */
  async #followLapses(): Promise<void> {
    const { ledger } = this.history;
    const rows = await this.#world.pool.query<{ id: string; state: string }>({
      name: 'history.holds',
      text: 'SELECT id, state FROM ledger.holds WHERE organization_id = $1',
      values: [this.#payer.organizationId],
    });
    const states = new Map(rows.map(({ id, state }) => [id, state]));
    ledger.lapse(ledger.lapsed.filter((hold) => states.get(hold.id) === 'expired'));
    expect(states).toEqual(new Map([...ledger.holds.values()].map((h) => [h.id, h.state])));
  }

  /** I2, I3, I4: what is shown is what the model has, and nothing is below zero. */
  async #samePosition(): Promise<void> {
    const { ledger } = this.history;
    const shown = await readBalance(this.#world.pool, this.#payer.organizationId);
    expect(shown).toMatchObject({
      ...{ available: ledger.available, held: ledger.held },
      ...{ frozen: ledger.frozen, debt: ledger.debt },
    });
    expect(shown.available).toBeGreaterThanOrEqual(0n);
    expect(new Map(shown.grants.map((g) => [g.id, g.remaining]))).toEqual(
      new Map(ledger.grants.map((g) => [g.id, g.remaining])),
    );
  }
}
