import type { Db } from '#db/pool';
import { assert } from '#kernel/assert';
import { type GrantId, newId } from '#kernel/ids';
import { ZERO } from '#kernel/money';
import { freezeGrant, seizeFreeze } from '#ledger/disputes';
import { reinstateCredit } from '#ledger/reinstating';
import type { PaymentsDeps } from '#payments/deps';
import {
  DISPUTE_SENTENCES,
  DISPUTE_STATES,
  type DisputeEffect,
  type DisputeState,
  disputeStep,
  OPEN_DISPUTE_STATES,
} from '#payments/dispute';
import type { ProcessorDispute } from '#payments/dispute-port';
import * as sql from '#payments/disputes-sql';
import {
  freezeFor,
  keepNoFreeze,
  NOTHING_TAKEN,
  releaseFor,
  withoutFreeze,
} from '#payments/freezing';
import { endPause } from '#payments/reload-pauses';
import { pauseReload } from '#payments/reload-pauses-sql';
import { findByProcessorIds, insertTimeline, lockPurchase, type Purchase } from '#payments/sql';
import { splitOf } from '#payments/taking-back';
import { tellDispute } from '#payments/telling';

export type Dispute = sql.DisputeRow;

/** Readings that are overtaken by another process are read again, at most this often. */
const READINGS_MOST = 5;

/**
 * Reads a dispute from the processor and does what it says, once, whatever was missed or comes
 * twice. What an event said of it is never believed.
 */
export async function syncDispute(
  deps: PaymentsDeps,
  disputeId: string,
): Promise<'done' | 'processor_unavailable'> {
  for (let reading = 0; reading < READINGS_MOST; reading++) {
    const [before] = await deps.pool.query<Dispute>(sql.findDispute(disputeId));
    const answer = await deps.moneyBack.retrieveDispute(disputeId);
    if (answer.outcome === 'unavailable') return 'processor_unavailable';
    if (answer.outcome === 'missing') return 'done';
    const purchase = await disputed(deps.pool, answer.dispute);
    if (purchase === undefined) return 'done';
    const applied = await apply(deps, purchase, answer.dispute, before?.version ?? 0);
    if (applied !== 'overtaken') return 'done';
  }
  return 'processor_unavailable';
}

/** By its payment: a dispute names no customer (S25). */
async function disputed(db: Db, dispute: ProcessorDispute): Promise<Purchase | undefined> {
  if (dispute.paymentIntentId === null) return undefined;
  const [purchase] = await db.query<Purchase>(findByProcessorIds(null, dispute.paymentIntentId));
  return purchase;
}

async function apply(
  deps: PaymentsDeps,
  found: Purchase,
  dispute: ProcessorDispute,
  versionRead: number,
): Promise<'applied' | 'overtaken'> {
  return deps.pool.transaction(async (tx) => {
    const [purchase] = await tx.query<Purchase>(lockPurchase(found.organizationId, found.id));
    if (purchase === undefined) return 'applied';
    const [row] = await tx.query<Dispute>(sql.lockDispute(purchase.organizationId, dispute.id));
    if ((row?.version ?? 0) !== versionRead) return 'overtaken';
    const step = disputeStep(row?.state ?? 'new', dispute.news);
    const state = step?.to ?? row?.state;
    if (state === undefined) return 'applied';
    const written = await write(deps, tx, purchase, dispute, state);
    if (step === undefined) return 'applied';
    // Before the books are locked: a reload locks its settings and then the books as well.
    await tellPauses(tx, written, state);
    await takeEffect(deps, tx, written, step.effect, dispute);
    await tellDispute(deps, tx, written, row?.state);
    await tx.query(insertTimeline(purchase, purchase.state, DISPUTE_SENTENCES[state]));
    const fields = { dispute: dispute.id, purchase: purchase.id, state };
    deps.log?.warn(fields, 'a payment is disputed, or its dispute has moved on');
    return 'applied';
  });
}

async function write(
  deps: PaymentsDeps,
  tx: Db,
  purchase: Purchase,
  dispute: ProcessorDispute,
  state: DisputeState,
): Promise<Dispute> {
  const [written] = await tx.query<Dispute>(
    sql.writeReading({
      ...{ organizationId: purchase.organizationId, id: dispute.id, purchaseId: purchase.id },
      ...{ grantId: purchase.grantId, state, processorStatus: dispute.status },
      ...{ reason: dispute.reason, amount: dispute.amount ?? ZERO, fee: dispute.fee },
      ...{ respondBy: dispute.respondBy, provider: purchase.provider },
      ...{ environment: deps.environment, paymentIntentId: dispute.paymentIntentId ?? '' },
      undecided: OPEN_DISPUTE_STATES.includes(state),
    }),
  );
  assert(written !== undefined, 'a dispute is stored');
  return written;
}

async function takeEffect(
  deps: PaymentsDeps,
  tx: Db,
  dispute: Dispute,
  effect: DisputeEffect,
  said: ProcessorDispute,
): Promise<void> {
  if (effect === 'freeze') await freezeFor(tx, dispute);
  else if (effect === 'release') await releaseFor(tx, dispute);
  else if (effect === 'seize') await seizeFor(tx, dispute, said);
  else if (effect === 'reinstate') await reinstateFor(deps, tx, dispute);
}

/** What is frozen is taken, what was spent is owed; what others dispute is frozen for them. */
async function seizeFor(tx: Db, dispute: Dispute, said: ProcessorDispute): Promise<void> {
  const { organizationId, grantId, id, version, freezeReference } = dispute;
  if (grantId === null) return;
  if (freezeReference !== null) {
    await take(tx, dispute, grantId, freezeReference, said);
    await keepNoFreeze(tx, dispute);
    return;
  }
  await withoutFreeze(tx, organizationId, grantId, async () => {
    const reference = `${id}:${version}:lost`;
    await freezeGrant(tx, { organizationId, reference, grantId });
    await take(tx, dispute, grantId, reference, said);
  });
}

async function take(
  tx: Db,
  dispute: Dispute,
  grantId: GrantId,
  reference: string,
  said: ProcessorDispute,
): Promise<void> {
  const { organizationId } = dispute;
  const split = await splitOf(tx, organizationId, grantId, said.amount ?? ZERO);
  const claim = { claimed: split.credit, tax: split.tax };
  const told = await seizeFreeze(tx, { organizationId, reference, ...claim });
  assert(told.outcome === 'seized', `a lost dispute takes what is left, not ${told.outcome}`);
  const taken = { taken: split.credit, tax: split.tax, owed: told.debt, beyond: split.beyond };
  await tx.query(sql.storeTaken(dispute, taken));
}

async function reinstateFor(deps: PaymentsDeps, tx: Db, dispute: Dispute): Promise<void> {
  const { organizationId, grantId, id, version, taken, takenTax } = dispute;
  if (grantId === null || taken === 0n) return;
  await reinstateCredit(tx, {
    ...{ organizationId, of: grantId, grantId: newId('grant', deps.entropy) },
    ...{ amount: taken, tax: takenTax, source: `${id}:${version}:reinstated`, reference: id },
  });
  await tx.query(sql.storeTaken(dispute, NOTHING_TAKEN));
}

/** Automatic purchases wait while a dispute is open, and after a loss until somebody decides. */
async function tellPauses(tx: Db, dispute: Dispute, state: DisputeState): Promise<void> {
  const { organizationId, id } = dispute;
  if (state === 'open' || state === 'lost') {
    await tx.query(pauseReload(organizationId, 'dispute', id));
  } else {
    await endPause(tx, organizationId, 'dispute', id);
  }
}

/** Oldest first. */
export const disputesOf = (db: Db, purchase: Pick<Purchase, 'organizationId' | 'id'>) =>
  db.query<Dispute>(sql.listDisputesOf(purchase.organizationId, purchase.id));

/** Newest first; of every organization unless one is named, in every state unless some are. */
export const listDisputes = (
  db: Db,
  of: { organizationId?: string; states?: readonly DisputeState[]; limit: number },
): Promise<Dispute[]> =>
  db.query<Dispute>(
    sql.listDisputes(of.organizationId ?? null, of.states ?? DISPUTE_STATES, of.limit),
  );

const DISPUTES_AT_ONCE = 10;

/** Undecided disputes are read again every hour, should their events be lost. */
export async function lookAtOpenDisputes(deps: PaymentsDeps): Promise<void> {
  const due = await deps.pool.query<{ id: string }>(
    sql.takeDueDisputes(deps.environment, DISPUTES_AT_ONCE),
  );
  for (const { id } of due) await syncDispute(deps, id);
}
