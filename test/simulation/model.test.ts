import fc from 'fast-check';
import { expect, test } from 'vitest';
import { History, HOUR_MS, historyStep, LEASE_MS, type Step } from '#test/ledger-history';
import { monthOf, sumOf } from '#test/ledger-model';

const KEYS = [
  { key: 'key-0', workspace: 'a' },
  { key: 'key-1', workspace: 'a' },
  { key: 'key-2', workspace: 'b' },
];

let made = 0;
const name = (kind: string): string => `${kind}_${String(made++).padStart(6, '0')}`;

function tell(history: History, s: Step): void {
  const { ledger, grants } = history;
  ledger.now += 1;
  ledger.real += 1;
  const hold =
    'which' in s ? History.pick(history.holds, s.which, { id: 'none', amount: 0n }) : null;
  switch (s.does) {
    case 'grant': {
      const id = name('grant');
      const { kind, amount, tax } = s;
      const expiresAt = ledger.now + s.days * 24 * HOUR_MS;
      const paid = kind === 'purchase' ? tax : 0n;
      grants.issue({ id, kind, amount, tax: paid, source: id, expiresAt });
      return;
    }
    case 'hold': {
      const id = name('req');
      const { key } = History.pick(KEYS, s.key, { key: 'key-0', workspace: 'a' });
      ledger.promise([{ kind: 'place', id, key, amount: s.amount }], LEASE_MS);
      history.holds.push({ id, amount: s.amount });
      return;
    }
    case 'extend': {
      const amount = (hold?.amount ?? 0n) + s.by;
      ledger.promise([{ kind: 'extend', id: hold?.id ?? '', key: null, amount }], LEASE_MS);
      return;
    }
    case 'settle':
    case 'void': {
      const cost = s.does === 'settle' ? ((hold?.amount ?? 0n) * s.percent) / 100n : 0n;
      const resolution = s.does;
      const loss = s.does === 'void' ? s.loss : 0n;
      ledger.resolve({ id: hold?.id ?? '', resolution, cost, loss, happenedAt: null });
      return;
    }
    case 'freeze': {
      const reference = name('dp');
      grants.freeze(reference, history.grantAt(s.which));
      history.disputes.push(reference);
      return;
    }
    case 'release':
      grants.release(History.pick(history.disputes, s.which, 'none'));
      return;
    case 'seize':
      grants.seize(History.pick(history.disputes, s.which, 'none'), s.claimed ?? undefined);
      return;
    case 'refund': {
      const reference = name('re');
      grants.refund(reference, history.grantAt(s.which), s.amount, s.unit);
      history.refunds.push(reference);
      return;
    }
    case 'refund paid':
      grants.refundPaid(History.pick(history.refunds, s.which, 'none'));
      return;
    case 'refund failed':
      grants.refundFailed(History.pick(history.refunds, s.which, 'none'));
      return;
    case 'void grant':
      grants.void(history.grantAt(s.which));
      return;
    case 'limit': {
      const limits = [
        { level: 'organization', subject: 'org' },
        { level: 'workspace', subject: 'a' },
        { level: 'api_key', subject: 'key-0' },
      ] as const;
      const limit = History.pick(limits, s.level, limits[0]);
      const since = monthOf(ledger.now);
      const others = ledger.limits.filter((l) => l.level !== limit.level);
      const set =
        s.amount === null ? [] : [{ ...limit, amount: s.amount, pauses: s.pauses, since }];
      ledger.limits.splice(0, 9, ...others, ...set);
      return;
    }
    case 'wait':
      history.pass(s.hours);
      return;
    case 'lapse':
      ledger.lapse();
      return;
    case 'book':
      grants.book();
      return;
  }
}

/** What must be true after every step of every history. */
function check({ ledger, grants }: History): void {
  // I2: no floor is passed.
  expect(ledger.available).toBeGreaterThanOrEqual(0n);
  for (const grant of ledger.grants) {
    expect(grant.remaining >= 0n && grant.remaining <= grant.amount).toBe(true);
  }
  expect(ledger.debt >= 0n && ledger.frozen >= 0n).toBe(true);
  // I3, I10: every balance is the sum of its entries.
  const balance = (account: string): bigint =>
    sumOf(
      ledger.entries.map((e) =>
        e.to === account ? e.amount : e.from === account ? -e.amount : 0n,
      ),
    );
  for (const grant of ledger.grants) expect(balance(`grant:${grant.id}`)).toBe(grant.remaining);
  expect(balance('dispute_frozen')).toBe(ledger.frozen);
  expect(balance('customer_debt')).toBe(-ledger.debt);
  // I18: nothing is left between us and the processor but refunds under way.
  expect(balance('stripe_clearing')).toBe(0n);
  const refunding = [...grants.refunds.values()].filter(({ state }) => state === 'refunding');
  expect(balance('refund_clearing')).toBe(sumOf(refunding.map(({ amount, tax }) => amount + tax)));
}

test('no history of the model takes a balance below zero or loses a nano-dollar', () => {
  fc.assert(
    fc.property(fc.array(historyStep, { minLength: 10, maxLength: 60 }), (steps) => {
      const history = new History('org', KEYS);
      for (const step of steps) tell(history, step);
      check(history);
    }),
    { numRuns: 4_000, interruptAfterTimeLimit: 8_000 },
  );
});

test('after every step the model has what its entries say', () => {
  fc.assert(
    fc.property(fc.array(historyStep, { minLength: 5, maxLength: 30 }), (steps) => {
      const history = new History('org', KEYS);
      for (const step of steps) {
        tell(history, step);
        check(history);
      }
    }),
    { numRuns: 100, interruptAfterTimeLimit: 8_000 },
  );
});

test('whatever a customer was charged was taken from grants in burn-down order', () => {
  fc.assert(
    fc.property(fc.array(historyStep, { minLength: 10, maxLength: 60 }), (steps) => {
      const history = new History('org', KEYS);
      for (const step of steps) tell(history, step);
      const { ledger } = history;
      const burned = ledger.entries.filter((e) => e.reason === 'usage.settle');
      const charged = sumOf([...ledger.holds.values()].map((hold) => hold.charged));
      expect(sumOf(burned.map((e) => e.amount))).toBe(charged);
      // I8: more than was held is charged only as an overrun, and never more than was there.
      for (const hold of ledger.holds.values()) {
        if (hold.charged > hold.amount) expect(hold.state).toBe('settled');
      }
    }),
    { numRuns: 4_000, interruptAfterTimeLimit: 8_000 },
  );
});
