import { settleLater } from './charge-settlement.ts';
import { expireDue } from './checkout-sessions.ts';
import { closeDispute, escalateInquiry, leaveUnanswered } from './dispute-course.ts';
import { StripeFailure } from './error.ts';
import { finalizeByItself, tellOverdue } from './invoice-course.ts';
import { expireByItself } from './issuing-course.ts';
import { answerPending } from './pending-payments.ts';
import { failRefund, finishRefund } from './refund-course.ts';
import type { Later, LaterKind } from './schedule.ts';
import { NO_REQUEST, type Sim } from './sim.ts';
import { verifyTaxId } from './tax-ids.ts';
import { clockReady } from './test-clocks.ts';
import { arriveTopup, failTopup } from './topups.ts';

const DO: Record<LaterKind, (sim: Sim, subject: string) => void> = {
  refund_succeeds: finishRefund,
  refund_fails: failRefund,
  dispute_won: (sim, id) => decide(sim, id, 'won'),
  dispute_lost: (sim, id) => decide(sim, id, 'lost'),
  inquiry_escalates: escalateInquiry,
  dispute_unanswered: leaveUnanswered,
  tax_id_checked: verifyTaxId,
  clock_ready: clockReady,
  invoice_finalizes: finalizeByItself,
  invoice_overdue: tellOverdue,
  charge_settles: settleLater,
  payment_arrives: (sim, id) => answerPending(sim, id, true),
  payment_fails: (sim, id) => answerPending(sim, id, false),
  topup_arrives: arriveTopup,
  topup_fails: failTopup,
  authorization_expires: expireByItself,
};

/** Does whatever the business clock has reached; called by a timer and before every request. */
export function catchUp(sim: Sim): void {
  expireDue(sim);
  const due = sim.store.later.oldestFirst().filter((entry) => entry.at <= sim.now());
  for (const entry of due.sort((a, b) => a.at - b.at)) {
    sim.store.later.remove(entry.id);
    attemptIt(sim, entry);
  }
}

/** What is no longer possible by now, such as deciding a closed dispute, is left undone. */
function attemptIt(sim: Sim, entry: Later): void {
  try {
    DO[entry.kind](sim, entry.subject);
  } catch (error) {
    if (!(error instanceof StripeFailure)) throw error;
  }
}

function decide(sim: Sim, id: string, outcome: 'won' | 'lost'): void {
  const dispute = sim.store.disputes.get(id);
  if (dispute !== undefined) closeDispute(sim, NO_REQUEST, dispute, outcome);
}
