import type { Db } from '#db/pool';
import { insertAuditEvent } from './sql.ts';

/** Stable codes: an investigation years later searches for them. */
export type AuditAction =
  | 'session.start'
  | 'session.end'
  | 'organization.create'
  | 'organization.suspend'
  | 'organization.resume'
  | 'organization.hold_policy'
  | 'organization.tier'
  | 'workspace.create'
  | 'api_key.create'
  | 'api_key.rename'
  | 'api_key.disable'
  | 'api_key.enable'
  | 'api_key.revoke'
  | 'spend_limit.set'
  | 'notices.set'
  | 'rate_limit.set'
  | 'grant.issue'
  | 'grant.void'
  | 'grant.starter'
  | 'purchase.begin'
  | 'purchase.cancel'
  | 'billing_details.save'
  | 'card.consent'
  | 'card.default'
  | 'card.remove'
  | 'auto_reload.on'
  | 'auto_reload.off'
  | 'refund.request'
  | 'payment.credit'
  | 'dispute.resume'
  | 'payment.refund';

/**
 * Notes who did what, in the transaction that does it where there is one. `actor` and `subject`
 * are ids; never an e-mail, a key or a token.
 */
export async function recordAudit(
  tx: Db,
  event: {
    readonly organizationId: string | null;
    readonly actor: string;
    readonly action: AuditAction;
    readonly subject: string;
    /** In the words of whoever did it. */
    readonly reason?: string;
    readonly requestId: string | null;
  },
): Promise<void> {
  await tx.query(insertAuditEvent(event));
}
