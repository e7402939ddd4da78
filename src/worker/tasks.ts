import type { TaskList } from 'graphile-worker';
import { parseId } from '#kernel/ids';
import { LOW_TASK } from '#ledger/low';
import { EVENTS_DUE_TASK } from '#outgoing-webhooks/publish';
import type { Sender } from '#outgoing-webhooks/sender';
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

/** Every job there is, and the command it becomes. Without a sender nothing is sent to customers. */
export function tasks(payments: PaymentsDeps, webhooks?: Pick<Sender, 'wake'>): TaskList {
  return {
    // It only looks: what is slow at a customer's end must not keep a place in this queue.
    [EVENTS_DUE_TASK]: async () => webhooks?.wake(),
    [WEBHOOK_TASK]: async (payload) => {
      await workEvent(payments, field(payload, 'endpoint'), field(payload, 'event_id'));
    },
    [REFUND_TASK]: async (payload) => {
      const refund = field(payload, 'refund_id');
      await pursueRefund(payments, field(payload, 'organization_id'), refund);
    },
    [CARD_CHOSEN_TASK]: async (payload) => {
      const id = parseId('organization', field(payload, 'organization_id'));
      if (id !== undefined) await reloadCardChanged(payments, id, environmentOf(payload));
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

/** Absent in jobs that a release before queued: then whoever works it. */
function environmentOf(payload: unknown): string | undefined {
  if (typeof payload !== 'object' || payload === null) return undefined;
  const value: unknown = Reflect.get(payload, 'environment');
  return typeof value === 'string' ? value : undefined;
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
