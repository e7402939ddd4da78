import { newId } from './ids.ts';
import type { Sim } from './sim.ts';

/** What the simulator itself does some time after a request; see `due.ts` for the doing. */
export type LaterKind =
  | 'refund_succeeds'
  | 'refund_fails'
  | 'dispute_won'
  | 'dispute_lost'
  | 'inquiry_escalates'
  | 'dispute_unanswered'
  | 'tax_id_checked'
  | 'clock_ready'
  | 'invoice_finalizes'
  | 'invoice_overdue'
  | 'charge_settles'
  | 'payment_arrives'
  | 'payment_fails'
  | 'topup_arrives'
  | 'topup_fails'
  | 'authorization_expires';

export interface Later {
  id: string;
  /** Unix seconds of the business clock. */
  at: number;
  kind: LaterKind;
  /** The id of the object it is done to. */
  subject: string;
}

/** Kept in the store, so that it happens even if the process dies before. */
export function later(sim: Sim, kind: LaterKind, subject: string, seconds: number): void {
  sim.store.later.put({ id: newId(sim, 'later'), at: sim.now() + seconds, kind, subject });
}

/** What banks take days for, and test mode moments. */
export function bankDelay(sim: Sim): number {
  return sim.settings().bank_delay_seconds;
}
