import type { Db } from '#db/pool';
import { assert } from '#kernel/assert';
import type { OrganizationId } from '#kernel/ids';
import { ZERO } from '#kernel/money';
import { addressChanged } from '#payments/auto-reload-sql';
import { inSentence } from '#payments/billing-countries';
import { type DetailsForm, type DetailsProblem, readDetails } from '#payments/billing-details-form';
import type { CustomerCopy, StoredDetails } from '#payments/billing-details-sql';
import * as sql from '#payments/billing-details-sql';
import { explainDecline, type PurchaseFailure, plainDecline } from '#payments/declines';
import type { PaymentsDeps } from '#payments/deps';
import { ensureCustomer } from '#payments/opening';
import { countriesInWords, DEFAULT_SELLING, sellsTo } from '#payments/selling';

export type { StoredDetails } from '#payments/billing-details-sql';

export type DetailsSaved =
  /** `copied`: the processor has them too; otherwise they are copied before the next purchase. */
  | { readonly outcome: 'saved'; readonly details: StoredDetails; readonly copied: boolean }
  | { readonly outcome: 'invalid'; readonly problems: readonly DetailsProblem[] }
  | { readonly outcome: 'region_not_supported'; readonly words: PurchaseFailure };

export async function findDetails(
  db: Db,
  organizationId: OrganizationId,
): Promise<StoredDetails | undefined> {
  const [row] = await db.query<StoredDetails>(sql.findDetails(organizationId));
  return row;
}

/**
 * Keeps where an organization is billed, and copies it to the processor. A country we do not sell to
 * is refused here, long before a card is asked for. A tax number the processor does not accept is a
 * problem of the form.
 */
export async function saveDetails(
  deps: PaymentsDeps,
  organizationId: OrganizationId,
  actor: string,
  form: DetailsForm,
): Promise<DetailsSaved> {
  const read = readDetails(form);
  if (read.outcome === 'invalid') return read;
  const { details } = read;
  const selling = deps.selling ?? DEFAULT_SELLING;
  if (!sellsTo(selling, details.country)) {
    return { outcome: 'region_not_supported', words: notSold(deps, details.country) };
  }
  const [saved] = await deps.pool.query<{ version: number }>(
    sql.saveDetails(organizationId, actor, details),
  );
  assert(saved !== undefined, 'billing details were saved');
  await deps.pool.query(addressChanged(organizationId));
  const stored = { ...details, version: saved.version };
  const copy = await copyDetails(deps, organizationId, stored);
  if (copy.outcome === 'tax_id_refused') {
    const without = { ...details, taxIdType: null, taxId: null };
    await deps.pool.query(sql.saveDetails(organizationId, actor, without));
    return { outcome: 'invalid', problems: [copy.problem] };
  }
  return { outcome: 'saved', details: stored, copied: copy.outcome === 'copied' };
}

/** The sentence of the table, with the country and those we do sell to. */
export function notSold(deps: Pick<PaymentsDeps, 'selling'>, country: string): PurchaseFailure {
  const words = explainDecline(plainDecline('region_not_supported'), ZERO, '');
  const sold = countriesInWords(deps.selling ?? DEFAULT_SELLING);
  return {
    ...words,
    message: `Credits are not sold to ${inSentence(country)}; they are sold to ${sold}. You were not charged.`,
  };
}

export type Copied =
  | { readonly outcome: 'copied' }
  | { readonly outcome: 'unavailable' }
  | { readonly outcome: 'tax_id_refused'; readonly problem: DetailsProblem };

/** Brings the processor's customer up to these details; nothing to do where it is already. */
export async function copyDetails(
  deps: PaymentsDeps,
  organizationId: OrganizationId,
  details: StoredDetails,
): Promise<Copied> {
  const { pool, processor, environment } = deps;
  const customer = await ensureCustomer(deps, { organizationId, attempt: 1 });
  if (customer.outcome !== 'done') return { outcome: 'unavailable' };
  const [copy] = await pool.query<CustomerCopy>(
    sql.findCopy(organizationId, processor.name, environment),
  );
  if (copy === undefined || copy.detailsVersion >= details.version) return { outcome: 'copied' };
  const answer = await deps.tax.updateCustomer({
    customerId: copy.customerId,
    details,
    taxIdObject: copy.taxIdObject,
    key: `${environment}:${organizationId}:details:${details.version}`,
  });
  if (answer.outcome === 'unknown') return { outcome: 'unavailable' };
  if (answer.outcome === 'refused') {
    deps.log?.warn({ organizationId, detail: answer.detail }, 'billing details were refused');
    const taxId = answer.code.startsWith('tax_id');
    const { title, next_step } = explainDecline(plainDecline(answer.code), ZERO, '');
    return taxId
      ? {
          outcome: 'tax_id_refused',
          problem: { field: 'tax_id', message: `${title}. ${next_step}` },
        }
      : { outcome: 'unavailable' };
  }
  await pool.query(
    sql.noteCopy(organizationId, processor.name, environment, details.version, answer.taxIdObject),
  );
  return { outcome: 'copied' };
}
