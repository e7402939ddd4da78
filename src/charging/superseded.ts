import type { Charging } from '#charging/charging';
import type { SettleCommand, SettleOutcome } from '#charging/commands';
import * as sql from '#charging/idempotency-sql';
import type { Db } from '#db/pool';
import type { RequestId } from '#kernel/ids';
import { type NanoUsd, ZERO } from '#kernel/money';
import { type RequestRecord, recordColumns } from '#metering/record';

/** SQLSTATE classes of a value the database cannot take, however often it is asked. */
const DATA_ERRORS = /^(22|23|P0)/;

const neverTaken = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  typeof error.code === 'string' &&
  DATA_ERRORS.test(error.code);

export interface LossNotes {
  readonly db: Db;
  /** Told of an answer that was given away, once. */
  readonly onLoss: (requestId: RequestId, loss: NanoUsd) => void;
  readonly onFailure: (error: unknown) => void;
}

/**
 * The same charging, which also books what the late answer to a superseded hold cost. Its key went to
 * another request while the store was away (`idempotency.ts`), so the customer is charged for that
 * one, and this answer is a loss of the operator's (S19). It is asked for only where a settlement was
 * resolved before and charged nothing. If the store is away again the settlement counts as unsettled,
 * so that whoever sent it tries again.
 */
export function withLossesNoted(charging: Charging, notes: LossNotes): Charging {
  return {
    ...charging,
    async settle(command) {
      const outcome = await charging.settle(command);
      const loss = lossOf(command, outcome);
      if (loss === ZERO) return outcome;
      try {
        if (await noteLoss(notes.db, command, loss)) notes.onLoss(command.requestId, loss);
      } catch (error) {
        notes.onFailure(error);
        if (!neverTaken(error)) return { outcome: 'ledger_unavailable' };
      }
      return outcome;
    },
  };
}

/** What nobody would hear of otherwise: the price of an answer that was not charged. */
function lossOf(command: SettleCommand, outcome: SettleOutcome): NanoUsd {
  if (outcome.outcome !== 'already_resolved' || outcome.charged > ZERO) return ZERO;
  return command.resolution === 'settle' ? command.cost : command.record.lossUsage;
}

/** False if the hold was resolved in any other way, or its loss was booked before. */
async function noteLoss(db: Db, command: SettleCommand, loss: NanoUsd): Promise<boolean> {
  const { organizationId, requestId, happenedAt = null } = command;
  const record = command.resolution === 'settle' ? uncharged(command.record, loss) : command.record;
  const columns = recordColumns([record]);
  const [row] = await db.query<sql.LossRow>(
    sql.loseSuperseded(organizationId, requestId, loss, happenedAt, columns),
  );
  return row?.noted === true;
}

const uncharged = (record: RequestRecord, lossUsage: NanoUsd): RequestRecord => ({
  ...record,
  ...{ rule: 'S19', lines: null, listAmount: null, lossUsage },
});
