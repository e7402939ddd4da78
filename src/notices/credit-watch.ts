import { assert } from '#kernel/assert';
import type { OrganizationId } from '#kernel/ids';
import { formatUsd, nanos, ZERO } from '#kernel/money';
import { readBandCredit, watchBand, withoutBand } from '#ledger/band';
import {
  CREDIT_STATES,
  type CreditLook,
  type CreditState,
  stepCredit,
} from '#notices/credit-state';
import type { NoticesDeps } from '#notices/deps';
import { readSettings } from '#notices/settings';
import { type Tell, teller } from '#notices/tell';
import { keepWatch, lockWatch, openWatch, type WatchRow } from './watch-sql.ts';

/** The job of a request that was refused for want of credit. */
export const REFUSED_TASK = 'notice_request_refused';

/** What made us look: the ledger's trigger, a refused request, or a change of the mark. */
export type CreditCause = 'moved' | 'refused' | 'settings';

type Deps = Pick<NoticesDeps, 'pool' | 'entropy' | 'log'>;

const stateOf = (text: string): CreditState => {
  const state = CREDIT_STATES.find((one) => one === text);
  assert(state !== undefined, 'a stored state of credit is one of the table');
  return state;
};

/**
 * Looks where an organization's credit stands, tells what has changed, and sets the band in which it
 * is expected from now on; all under one lock, so two who look at once tell it once. Safe to repeat.
 */
export async function lookAtCredit(
  deps: Deps,
  organizationId: OrganizationId,
  cause: CreditCause,
): Promise<void> {
  const tell = teller(deps.entropy);
  await deps.pool.transaction(async (tx) => {
    await tx.query(openWatch(organizationId, 'credit', 'new'));
    const [watch] = await tx.query<WatchRow>(lockWatch(organizationId, 'credit'));
    assert(watch !== undefined, 'a watch is opened before it is locked');
    const { lowBalance: mark } = await readSettings(tx, organizationId);
    const look: CreditLook = {
      state: stateOf(watch.state),
      credit: await readBandCredit(tx, organizationId),
      ...{ outAt: watch.level, mark },
      ...{ refused: cause === 'refused', moved: cause === 'moved' },
    };
    const step = stepCredit(look);
    const episode = step.tell === null ? watch.episode : watch.episode + 1n;
    if (step.tell !== null)
      await tellCredit(tell, tx, organizationId, look, step.tell, episode, watch.now);
    await tx.query(
      keepWatch(organizationId, 'credit', { state: step.state, episode, level: step.outAt }),
    );
    // Last, because it locks the book that every request of the organization needs.
    await watchBand(tx, organizationId, step.band);
  });
}

function tellCredit(
  tell: Tell,
  tx: Parameters<Tell>[0],
  organizationId: OrganizationId,
  { credit, mark, refused }: CreditLook,
  kind: string,
  episode: bigint,
  at: Date,
): Promise<void> {
  const balance = credit > 0n ? nanos(credit) : ZERO;
  const debt = credit < 0n ? nanos(-credit) : ZERO;
  return tell(tx, {
    organizationId,
    kind,
    key: `episode:${episode}`,
    facts: {
      balance_usd: formatUsd(balance),
      debt_usd: formatUsd(debt),
      threshold_usd: mark === null ? null : formatUsd(nanos(mark)),
      refused,
      at: at.toISOString(),
    },
  });
}

const AT_ONCE = 100;

/** Meant for every few seconds: credit that left its band, and whose job was lost on the way. */
export async function lookAtForgottenCredit(deps: Deps): Promise<void> {
  for (const { organizationId } of await withoutBand(deps.pool, AT_ONCE)) {
    try {
      await lookAtCredit(deps, organizationId, 'moved');
    } catch (error) {
      deps.log?.error({ organization: organizationId, err: error }, 'credit could not be watched');
    }
  }
}
