import { expireDue } from './checkout-sessions.ts';
import { closeDispute, escalateInquiry, leaveUnanswered } from './dispute-course.ts';
import { failRefund, finishRefund } from './refund-course.ts';
import type { LaterKind } from './schedule.ts';
import { NO_REQUEST, type Sim } from './sim.ts';
import { verifyTaxId } from './tax-ids.ts';

const DO: Record<LaterKind, (sim: Sim, subject: string) => void> = {
  refund_succeeds: finishRefund,
  refund_fails: failRefund,
  dispute_won: (sim, id) => decide(sim, id, 'won'),
  dispute_lost: (sim, id) => decide(sim, id, 'lost'),
  inquiry_escalates: escalateInquiry,
  dispute_unanswered: leaveUnanswered,
  tax_id_checked: verifyTaxId,
};

/** Does whatever the business clock has reached; called by a timer and before every request. */
export function catchUp(sim: Sim): void {
  expireDue(sim);
  const due = sim.store.later.oldestFirst().filter((entry) => entry.at <= sim.now());
  for (const entry of due.sort((a, b) => a.at - b.at)) {
    sim.store.later.remove(entry.id);
    DO[entry.kind](sim, entry.subject);
  }
}

function decide(sim: Sim, id: string, outcome: 'won' | 'lost'): void {
  const dispute = sim.store.disputes.get(id);
  if (dispute !== undefined) closeDispute(sim, NO_REQUEST, dispute, outcome);
}
