import type { Call, Sent, Transaction } from './call.ts';

/** Who has which book, who waits for one in PostgreSQL, and so what may be sent now. */
export class Locks {
  transactions: Transaction[] = [];
  waiters: Sent[] = [];

  /** True while a transaction is at work: time must not jump under its statements. */
  get busy(): boolean {
    return this.transactions.some((tx) => tx.stage === 'inside');
  }

  get taken(): Set<string> {
    const having = this.transactions.filter(
      (t) => t.stage === 'inside' || t.stage === 'committing',
    );
    return new Set(having.map((tx) => tx.organization));
  }

  /** For whoever asks why a run goes no further. */
  get underWay(): string[] {
    return [
      ...this.transactions.map(
        ({ caller, kind, organization, stage }) =>
          `${caller.name} ${kind} of ${organization} (${stage})`,
      ),
      ...this.waiters.map(
        ({ call, until }) =>
          `${call.caller.name} ${call.kind} ${call.about} (sent, for the book of ${until})`,
      ),
    ];
  }

  allow(call: Call): boolean {
    const { needs } = call;
    if (needs === 'nobody waits') return this.waiters.length === 0;
    // What has been decided for it already must not be judged by what it changes now.
    if (needs !== 'books') return !this.waiters.some(({ instants }) => instants.has(needs.decided));
    const waitedFor = new Set(this.waiters.flatMap(({ call: { touches } }) => touches));
    if (call.touches.some((organization) => waitedFor.has(organization))) return false;
    if (call.locks.length === 0) return true;
    if (call.transaction !== undefined) {
      const others = this.transactions.filter((tx) => tx !== call.transaction);
      return others.every((tx) => tx.stage !== 'inside' && tx.stage !== 'waiting');
    }
    const taken = this.taken;
    return new Set(call.locks.filter((organization) => taken.has(organization))).size <= 1;
  }
}
