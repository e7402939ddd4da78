import { z } from 'zod';
import { readReceipt } from '#charging/receipt';
import { parseId } from '#kernel/ids';
import { type AdminApp, type AdminDeps, documented, refuse } from './door.ts';

const usd = z.string();

const receipt = z
  .object({
    id: z.string(),
    type: z.literal('request_receipt'),
    organization_id: z.string(),
    outcome: z.string().describe('how it ended, as docs/what-is-charged.md names it'),
    model: z.string(),
    hold_usd: usd,
    charged_usd: usd,
    list_usd: usd.nullable(),
    estimated: z.boolean(),
    client_disconnected: z.boolean(),
    adopted: z.boolean(),
    retry_of: z.string().nullable(),
    usage: z.unknown(),
    lines: z.array(
      z.object({
        kind: z.string(),
        model: z.string().nullable(),
        units: z.string(),
        unit_price_usd: usd,
        per: z.string(),
        multipliers: z.array(z.string()).readonly(),
        amount_usd: usd.describe('exact, so it may have more than nine decimals'),
      }),
    ),
    grants: z.array(z.object({ id: z.string(), amount_usd: usd })),
    price_version: z.string(),
    started_at: z.iso.datetime(),
    settled_at: z.iso.datetime(),
  })
  .meta({ id: 'RequestReceipt' });

export function receiptRoutes(app: AdminApp, deps: AdminDeps): void {
  app.get(
    '/requests/:request_id',
    {
      schema: {
        ...documented('What one request was charged and why'),
        params: z.object({ request_id: z.string() }),
        response: { 200: receipt },
      },
    },
    async (request, reply) => {
      const { organizationId } = deps.callerOf(request);
      const id = parseId('request', request.params.request_id);
      const read = id && (await readReceipt(deps.pool, deps.book(), id));
      // Of another organization, still running, or never made: one answer, so that none is a hint.
      if (read?.outcome !== 'found' || read.receipt.organization_id !== organizationId) {
        return refuse(request, reply, 'not_found');
      }
      const { lines, grants } = read.receipt;
      return { ...read.receipt, lines: [...lines], grants: [...grants] };
    },
  );
}
