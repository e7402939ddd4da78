import { divideUp, least, NANOS_PER_CENT, type NanoUsd, nanos, sum, ZERO } from '#kernel/money';
import { type Answer, decideReload, type ReloadFacts } from '#payments/auto-reload';

/** Spending that is even from one instant to another, or happens all at once where they are one. */
export interface Spell {
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  readonly spent: NanoUsd;
}

export interface ReplayTerms {
  readonly threshold: NanoUsd;
  readonly target: NanoUsd;
  readonly maxPerDay: number;
  readonly maxPerMonth: NanoUsd | null;
  /** The least and the most that may be bought at once, before tax. */
  readonly minimum: NanoUsd;
  readonly maximum: NanoUsd;
  /** Tax on `credit`, as it was last charged; none if null. */
  readonly usualTax: { readonly tax: NanoUsd; readonly credit: NanoUsd } | null;
  /** Credit at the beginning. */
  readonly start: NanoUsd;
  readonly from: number;
  readonly to: number;
}

export interface ReplayedReload {
  readonly at: number;
  readonly credit: NanoUsd;
  /** Tax included. */
  readonly charged: NanoUsd;
}

export interface Replay {
  readonly reloads: readonly ReplayedReload[];
  /** What was asked for in that time. */
  readonly spent: NanoUsd;
  /** What the card was charged, tax included. */
  readonly charged: NanoUsd;
  /** The balance on average over the whole time: money that lay idle. */
  readonly idle: NanoUsd;
  /** With no credit at all. */
  readonly atZeroMs: number;
  /** What was spent then in truth and would have been refused. */
  readonly refused: NanoUsd;
  /** What kept it from buying meanwhile, the longest first. */
  readonly heldBy: readonly { readonly answer: Answer; readonly ms: number }[];
  /** At the end. */
  readonly balance: NanoUsd;
}

/** As long as a payment takes here: credit is usable within three seconds of its charge. */
export const PAYMENT_MS = 3_000;
/** Whatever waits is looked at once a second, so a replay goes on by a second at least. */
const LOOKS_EVERY_MS = 1_000;
const DAY_MS = 86_400_000;

/** In whole cents, up: what a month has room for must not be exceeded by a rounding. */
export function taxOn(credit: NanoUsd, usual: ReplayTerms['usualTax']): NanoUsd {
  if (usual === null || usual.credit === 0n) return nanos(0n);
  const exact = divideUp(credit * usual.tax, usual.credit);
  return nanos(divideUp(exact, NANOS_PER_CENT) * NANOS_PER_CENT);
}

interface Bought {
  readonly at: number;
  /** When its credit arrived; undefined while it is on its way. */
  settledAt: number | undefined;
  readonly credit: NanoUsd;
  readonly charged: NanoUsd;
}

/** Of a spell, what is spent until an instant within it, and the instant at which so much is. */
const spentBy = ({ from, to, spent }: Spell, at: number): bigint =>
  at >= to ? spent : (spent * BigInt(at - from)) / BigInt(to - from);
function reaches({ from, to, spent }: Spell, amount: bigint): number {
  const ms = divideUp(amount * BigInt(to - from), spent);
  return from + Number(ms); // tidy: count, of milliseconds
}

const monthOf = (at: number): number => {
  const date = new Date(at);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
};
const monthAfter = (at: number): Date => {
  const date = new Date(at);
  return new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1));
};

/**
 * A balance on its way through time, from one event to the next: the balance reaches the threshold
 * or zero, a payment arrives, a brake ends. Where auto-reload would be told of low credit or look
 * again by itself, it is asked.
 */
export class Course {
  readonly #terms: ReplayTerms;
  readonly #bought: Bought[] = [];
  readonly #held = new Map<Answer, number>();
  #at: number;
  #balance: bigint;
  /** Twice the area below the balance, in nano-USD milliseconds: its average without a fraction. */
  #area = 0n;
  #atZeroMs = 0;
  #refused = 0n;
  #spent = 0n;
  #answer: Answer = 'enough';
  /** It wants to be told when the balance falls below the threshold. */
  #listens = false;
  #lookAgainAt: number | undefined;

  constructor(terms: ReplayTerms) {
    this.#terms = terms;
    this.#at = terms.from;
    this.#balance = terms.start;
    this.#ask();
  }

  /** Without spending. */
  waitUntil(to: number): void {
    while (this.#at < to) {
      this.#pass(Math.min(to, this.#nextByItself()), 0n);
      this.#meetEvents();
    }
  }

  spend(spell: Spell): void {
    const { to } = spell;
    if (spell.from === to) this.#pass(this.#at, spell.spent);
    while (this.#at < to) {
      const before = spentBy(spell, this.#at);
      let next = Math.min(to, this.#nextByItself());
      for (const amount of this.#marks()) {
        if (before + amount <= spell.spent) next = Math.min(next, reaches(spell, before + amount));
      }
      this.#pass(next, spentBy(spell, next) - before);
      this.#meetEvents();
    }
    this.#meetEvents();
  }

  result(): Replay {
    const { from, to } = this.#terms;
    const twice = BigInt(Math.max(to - from, 1)) * 2n;
    return {
      reloads: this.#bought.map(({ at, credit, charged }) => ({ at, credit, charged })),
      spent: nanos(this.#spent),
      charged: sum(this.#bought.map(({ charged }) => charged)),
      idle: nanos(this.#area / twice),
      atZeroMs: this.#atZeroMs,
      refused: nanos(this.#refused),
      heldBy: [...this.#held]
        .map(([answer, ms]) => ({ answer, ms }))
        .sort((one, other) => other.ms - one.ms),
      balance: nanos(this.#balance),
    };
  }

  /** Moves on to `to` while `wanted` is asked for; what is not there is refused. */
  #pass(to: number, wanted: bigint): void {
    const before = this.#balance;
    const served = wanted < before ? wanted : before;
    const ms = to - this.#at;
    this.#balance = before - served;
    this.#refused += wanted - served;
    this.#spent += wanted;
    this.#area += (before + this.#balance) * BigInt(ms);
    if (before === 0n && ms > 0) {
      this.#atZeroMs += ms;
      this.#held.set(this.#answer, (this.#held.get(this.#answer) ?? 0) + ms);
    }
    this.#at = to;
  }

  /** How much more may be spent until something happens. At zero nothing is spent any more. */
  #marks(): readonly bigint[] {
    const { threshold } = this.#terms;
    if (this.#balance === 0n) return [];
    const hears = this.#listens && threshold > 0n;
    return hears ? [this.#balance, this.#balance - threshold + 1n] : [this.#balance];
  }

  /** When something happens whatever is spent. */
  #nextByItself(): number {
    const arrives = this.#onItsWay();
    return Math.min(
      arrives === undefined ? Number.POSITIVE_INFINITY : arrives.at + PAYMENT_MS,
      this.#lookAgainAt ?? Number.POSITIVE_INFINITY,
    );
  }

  #onItsWay = (): Bought | undefined => {
    const last = this.#bought.at(-1);
    return last?.settledAt === undefined ? last : undefined;
  };

  #meetEvents(): void {
    const coming = this.#onItsWay();
    if (coming !== undefined && coming.at + PAYMENT_MS <= this.#at) {
      coming.settledAt = this.#at;
      this.#balance += coming.credit;
      this.#ask();
    }
    if (this.#lookAgainAt !== undefined && this.#lookAgainAt <= this.#at) this.#ask();
    if (this.#listens && this.#balance < this.#terms.threshold) this.#ask();
  }

  #ask(): void {
    const decision = decideReload(this.#facts());
    this.#answer = decision.answer;
    this.#listens = false;
    this.#lookAgainAt = undefined;
    if (decision.answer === 'started') {
      this.#buy(decision.amount);
    } else if (this.#onItsWay() === undefined) {
      const until = decision.until?.getTime();
      this.#lookAgainAt = until && Math.max(until, this.#at + LOOKS_EVERY_MS);
      this.#listens = decision.answer === 'enough';
    }
  }

  /** No more than the month has room for with its tax; too little of that is bought next month. */
  #buy(wanted: NanoUsd): void {
    const { maxPerMonth, minimum, usualTax } = this.#terms;
    const left = maxPerMonth === null ? null : maxPerMonth - this.#chargedInMonth();
    let credit = wanted;
    let charged = nanos(credit + taxOn(credit, usualTax));
    while (left !== null && charged > left && credit >= minimum) {
      const share = (left * credit) / charged;
      credit = least(nanos(share - (share % NANOS_PER_CENT)), nanos(credit - NANOS_PER_CENT));
      charged = nanos(credit + taxOn(credit, usualTax));
    }
    if (credit < minimum) {
      this.#answer = 'month_full';
      this.#lookAgainAt = monthAfter(this.#at).getTime();
    } else {
      this.#bought.push({ at: this.#at, settledAt: undefined, credit, charged });
      this.#answer = 'under_way';
    }
  }

  #chargedInMonth(): bigint {
    const month = monthOf(this.#at);
    return sum(
      this.#bought
        .filter(({ at, settledAt }) => settledAt === undefined || Math.max(at, settledAt) >= month)
        .map(({ charged }) => charged),
    );
  }

  #facts(): ReloadFacts {
    const { threshold, target, maxPerDay, maxPerMonth, minimum, maximum } = this.#terms;
    const now = new Date(this.#at);
    const coming = this.#onItsWay();
    const settled = this.#bought.findLast(({ settledAt }) => settledAt !== undefined)?.settledAt;
    return {
      ...{ now, enabled: true, paused: null, threshold, target, maxPerDay, maxPerMonth },
      ...{ counted: this.#balance, pending: coming?.credit ?? ZERO },
      underWay: coming !== undefined,
      card: { restsUntil: null },
      lastCreditedAt: settled === undefined ? null : new Date(settled),
      // No card is refused, and nothing else stands in the way.
      ...{ lastDeclinedAt: null, barred: null, held: null },
      begun: this.#bought
        .filter(({ at }) => at > this.#at - DAY_MS)
        .map(({ at }) => new Date(at))
        .reverse(),
      chargedInMonth: nanos(this.#chargedInMonth()),
      nextMonth: monthAfter(this.#at),
      ...{ minimum, maximum },
    };
  }
}
