import type { TaskList } from 'graphile-worker';
import { parseId } from '#kernel/ids';
import { BAND_TASK } from '#ledger/band';
import { LOW_TASK } from '#ledger/low';
import { announce, MAIL_TASK } from '#notices/announce';
import { lookAtCredit, REFUSED_TASK } from '#notices/credit-watch';
import { deliverMail } from '#notices/deliver';
import type { NoticesDeps } from '#notices/deps';
import { ANNOUNCE_TASK } from '#notices/tell';
import { CARD_CHOSEN_TASK } from '#payments/cards';
import type { PaymentsDeps } from '#payments/deps';
import { WEBHOOK_TASK, workEvent } from '#payments/inbox';
import { KEEP_CARD_TASK, keepPurchaseCard } from '#payments/purchase-cards';
import { pursueRefund } from '#payments/refund-course';
import { REFUND_TASK } from '#payments/refunds';
import { evaluateReload } from '#payments/reload';
import { reloadCardChanged } from '#payments/reload-settings';
import { REMEDY_TASK } from '#payments/remedies';
import { pursueRemedy } from '#payments/remedy-course';

/** Every job there is, and the command it becomes. */
export function tasks(payments: PaymentsDeps): TaskList {
  return {
    [WEBHOOK_TASK]: async (payload) => {
      await workEvent(payments, field(payload, 'endpoint'), field(payload, 'event_id'));
    },
    [REFUND_TASK]: async (payload) => {
      const refund = field(payload, 'refund_id');
      await pursueRefund(payments, field(payload, 'organization_id'), refund);
    },
    [CARD_CHOSEN_TASK]: async (payload) => {
      const id = parseId('organization', field(payload, 'organization_id'));
      if (id !== undefined) await reloadCardChanged(payments, id);
    },
    [KEEP_CARD_TASK]: async (payload) => {
      const purchase = field(payload, 'purchase_id');
      const kept = await keepPurchaseCard(payments, field(payload, 'organization_id'), purchase);
      if (kept === 'processor_unavailable') {
        throw new Error(`the processor cannot be asked about the card of ${purchase}`);
      }
    },
    [LOW_TASK]: async (payload) => {
      const id = parseId('organization', field(payload, 'organization_id'));
      const refused = causeOf(payload) === 'request_refused';
      const cause = refused ? 'request_refused' : 'credit_low';
      if (id !== undefined) await evaluateReload(payments, id, cause);
    },
    [REMEDY_TASK]: async (payload) => {
      await pursueRemedy(payments, field(payload, 'payment_intent_id'));
    },
  };
}

/** What people are told: decided, watched and sent. */
export function noticeTasks(notices: NoticesDeps): TaskList {
  const look = async (payload: unknown, cause: 'moved' | 'refused'): Promise<void> => {
    const id = parseId('organization', field(payload, 'organization_id'));
    if (id !== undefined) await lookAtCredit(notices, id, cause);
  };
  return {
    [ANNOUNCE_TASK]: (payload) =>
      announce(notices, field(payload, 'organization_id'), field(payload, 'notice_id')),
    [MAIL_TASK]: (payload) =>
      deliverMail(notices, field(payload, 'organization_id'), field(payload, 'mail_id')),
    [BAND_TASK]: (payload) => look(payload, 'moved'),
    [REFUSED_TASK]: (payload) => look(payload, 'refused'),
  };
}

const causeOf = (payload: unknown): unknown =>
  typeof payload === 'object' && payload !== null ? Reflect.get(payload, 'cause') : undefined;

function field(payload: unknown, name: string): string {
  if (typeof payload === 'object' && payload !== null) {
    const value: unknown = Reflect.get(payload, name);
    if (typeof value === 'string') return value;
  }
  throw new Error(`job payload has no ${name}`);
}
