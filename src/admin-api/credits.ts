import { z } from 'zod';
import { BOTH_SIDES, onOneSide, pageFields } from '#http/list-query';
import { formatUsd } from '#kernel/money';
import { readBalance } from '#ledger/balance';
import { readOpenHolds } from '#ledger/open-holds';
import {
  readNewerStatement,
  readStatement,
  type StatementLine,
  statementCursorOk,
} from '#ledger/statement';
import { type AdminApp, type AdminDeps, documented } from './door.ts';

const usd = z.string().describe('decimal US dollars, up to nine decimals');
const time = z.iso.datetime();
const HOLDS_MAX = 1_000;

const hold = z.object({
  request_id: z.string(),
  amount_usd: usd,
  placed_at: time,
  lease_expires_at: time.describe('real time: when it lapses if its process has died'),
});
const credits = z
  .object({
    type: z.literal('credits'),
    available_usd: usd.describe('what the next request may use'),
    held_usd: usd,
    frozen_usd: usd,
    debt_usd: usd,
    grants: z.array(
      z.object({
        id: z.string(),
        kind: z.enum(['purchase', 'promotional', 'adjustment']),
        state: z.enum(['active', 'exhausted', 'expired', 'frozen', 'voided']),
        amount_usd: usd,
        remaining_usd: usd,
        granted_at: time,
        expires_at: time,
      }),
    ),
    holds: z
      .array(hold)
      .optional()
      .describe(`with holds=true: the requests under way, the oldest ${HOLDS_MAX}`),
  })
  .meta({ id: 'Credits' });
const creditsQuery = z.object({
  holds: z.enum(['true', 'false'], { error: 'expected true or false' }).optional(),
});

const line = z
  .object({
    id: z.string(),
    type: z.literal('ledger_line'),
    at: time,
    kind: z.string(),
    amount_usd: usd,
    balance_usd: usd.describe('of all grants together after this line'),
    grant_id: z.string(),
    reference: z.string(),
    lost_usd: usd.describe('taken back or owed after a dispute, on lines that move no grant'),
  })
  .meta({ id: 'LedgerLine' });
const linePage = z
  .object({
    data: z.array(line),
    has_more: z.boolean(),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
  })
  .meta({ id: 'LedgerPage' });
const cursor = z
  .string({ error: 'expected one id' })
  .refine(statementCursorOk, { error: 'expected the id of a line' })
  .optional();
const lineQuery = z
  .object({ ...pageFields, after_id: cursor, before_id: cursor })
  .refine(onOneSide, BOTH_SIDES);

const lineView = (shown: StatementLine): z.infer<typeof line> => ({
  id: shown.seq,
  type: 'ledger_line',
  at: shown.at.toISOString(),
  kind: shown.kind,
  amount_usd: formatUsd(shown.amount),
  balance_usd: formatUsd(shown.total),
  grant_id: shown.grantId,
  reference: shown.reference,
  lost_usd: formatUsd(shown.lost),
});

export function creditRoutes(app: AdminApp, deps: AdminDeps): void {
  app.get(
    '/credits',
    {
      schema: {
        ...documented('What there is to spend, and where it comes from'),
        querystring: creditsQuery,
        response: { 200: credits },
      },
    },
    async (request) => {
      const { organizationId } = deps.callerOf(request);
      const balance = await readBalance(deps.pool, organizationId);
      const holds =
        request.query.holds === 'true'
          ? await readOpenHolds(deps.pool, organizationId, HOLDS_MAX)
          : undefined;
      return {
        type: 'credits' as const,
        available_usd: formatUsd(balance.available),
        held_usd: formatUsd(balance.held),
        frozen_usd: formatUsd(balance.frozen),
        debt_usd: formatUsd(balance.debt),
        grants: balance.grants.map((grant) => ({
          id: grant.id,
          kind: grant.kind,
          state: grant.state,
          amount_usd: formatUsd(grant.amount),
          remaining_usd: formatUsd(grant.remaining),
          granted_at: grant.grantedAt.toISOString(),
          expires_at: grant.expiresAt.toISOString(),
        })),
        holds: holds?.map((one) => ({
          request_id: one.requestId,
          amount_usd: formatUsd(one.amount),
          placed_at: one.placedAt.toISOString(),
          lease_expires_at: one.leaseExpiresAt.toISOString(),
        })),
      };
    },
  );

  app.get(
    '/credits/ledger',
    {
      schema: {
        ...documented('The lines of the statement, newest first'),
        querystring: lineQuery,
        response: { 200: linePage },
      },
    },
    async (request) => {
      const { organizationId } = deps.callerOf(request);
      const { limit, after_id: after, before_id: newerThan } = request.query;
      const page =
        newerThan === undefined
          ? await readStatement(deps.pool, organizationId, {
              limit,
              ...(after === undefined ? {} : { before: after }),
            })
          : await readNewerStatement(deps.pool, organizationId, { limit, after: newerThan });
      const data = page.lines.map(lineView);
      const ends = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
      return { data, has_more: page.hasMore, ...ends };
    },
  );
}
