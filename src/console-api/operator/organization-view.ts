import { type OrganizationId, parseId } from '#kernel/ids';
import { formatUsd } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { organizationsOf } from '#orgs/search';
import { refundLine } from '#payments/money-back-view';
import { viewPurchase } from '#payments/purchase-view';
import { listPurchases } from '#payments/purchases';
import { listRefunds, type Refund } from '#payments/refunds';
import type { ConsoleDeps } from '../deps.ts';
import type { OperatorOrganization, OperatorRefund } from './contract.ts';

const PURCHASES_SHOWN = 20;
const REFUNDS_SHOWN = 20;

/** One organization as an operator sees it: state and money, nothing of what it asks models. */
export async function viewOrganization(
  deps: ConsoleDeps,
  text: string,
): Promise<OperatorOrganization | undefined> {
  const id = parseId('organization', text);
  const found = id === undefined ? undefined : (await organizationsOf(deps.pool, [id])).get(id);
  if (id === undefined || found === undefined) return undefined;
  const { pool } = deps;
  const [balance, purchases, refunds] = await Promise.all([
    readBalance(pool, id),
    purchasesOf(deps, id),
    listRefunds(pool, { organizationId: id, limit: REFUNDS_SHOWN }),
  ]);
  return {
    id,
    name: found.name,
    status: found.status,
    created_at: found.createdAt.toISOString(),
    emails: [...found.emails],
    available_usd: formatUsd(balance.available),
    held_usd: formatUsd(balance.held),
    frozen_usd: formatUsd(balance.frozen),
    debt_usd: formatUsd(balance.debt),
    purchases,
    refunds: refunds.map(viewRefund),
  };
}

async function purchasesOf(
  { pool }: ConsoleDeps,
  id: OrganizationId,
): Promise<OperatorOrganization['purchases']> {
  const purchases = await listPurchases(pool, id, PURCHASES_SHOWN);
  return await Promise.all(
    purchases.map(async (purchase) => {
      const view = await viewPurchase(pool, purchase);
      return {
        ...view,
        timeline: [...view.timeline],
        // The page to pay on is the customer's.
        redirect_url: null,
        created_at: purchase.createdAt.toISOString(),
        payment_id: purchase.paymentIntentId,
      };
    }),
  );
}

export function viewRefund(refund: Refund): OperatorRefund {
  const { id, purchase_id, state, total_usd, reason, failure_code, created_at } =
    refundLine(refund);
  return { id, purchase_id, state, total_usd, reason, failure_code, created_at };
}
