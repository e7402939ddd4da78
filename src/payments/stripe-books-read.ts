import type { ChargeFacts, Movement, MovementKind, WebhookEndpoint } from '#payments/books';
import { purposeOf } from '#payments/stripe-read';

/** The parts of a balance transaction we read, its source expanded. */
interface MovementShape {
  id: string;
  type: string;
  reporting_category: string;
  amount: number;
  currency: string;
  /** Unix seconds. */
  created: number;
  source: string | SourceShape | null;
}

/** A charge, a refund or a dispute; all three name the payment. */
export interface SourceShape {
  id: string;
  payment_intent?: string | { id: string } | null;
  customer?: string | { id: string } | null;
  metadata?: Record<string, string> | null;
}

const KINDS: Readonly<Record<string, MovementKind>> = {
  charge: 'charge',
  payment: 'charge',
  refund: 'refund',
  payment_refund: 'refund',
  refund_failure: 'refund_returned',
  payment_failure_refund: 'refund_returned',
};

function kindOf(row: MovementShape): MovementKind {
  if (row.type === 'adjustment') {
    return row.reporting_category.startsWith('dispute') ? 'dispute' : 'other';
  }
  return KINDS[row.type] ?? 'other';
}

const idOf = (value: string | { id: string } | null | undefined): string | null =>
  typeof value === 'string' ? value : (value?.id ?? null);

/** An id only, where the processor did not expand it: it has to be read on its own. */
export const unread = (row: MovementShape): string | undefined =>
  kindOf(row) === 'dispute' && typeof row.source === 'string' ? row.source : undefined;

export function toMovement(row: MovementShape, read?: SourceShape): Movement {
  const source = read ?? (typeof row.source === 'object' ? row.source : null);
  return {
    id: row.id,
    kind: kindOf(row),
    minorUnits: BigInt(row.amount),
    currency: row.currency,
    at: new Date(row.created * 1000),
    sourceId: idOf(row.source) ?? row.id,
    paymentIntentId: idOf(source?.payment_intent),
    customerId: idOf(source?.customer),
    ...purposeOf(source?.metadata),
  };
}

interface PaidIntentShape {
  status: string;
  currency: string;
  amount_received: number;
  latest_charge?: string | { amount_refunded?: number } | null;
}

export function toChargeFacts(intent: PaidIntentShape): ChargeFacts {
  const charge = typeof intent.latest_charge === 'object' ? intent.latest_charge : null;
  return {
    paid: intent.status === 'succeeded',
    minorUnits: BigInt(intent.amount_received),
    refundedMinorUnits: BigInt(charge?.amount_refunded ?? 0),
    currency: intent.currency,
  };
}

interface EndpointShape {
  url: string;
  status: string;
  api_version: string | null;
  enabled_events: readonly string[];
}

export const toEndpoint = (endpoint: EndpointShape): WebhookEndpoint => ({
  url: endpoint.url,
  enabled: endpoint.status === 'enabled',
  apiVersion: endpoint.api_version,
  events: endpoint.enabled_events,
});
