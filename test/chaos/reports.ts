import { writeSync } from 'node:fs';
import { z } from 'zod';
import { type IdKind, parseId } from '#kernel/ids';
import { nanos } from '#kernel/money';

const idOf = <K extends IdKind>(kind: K) =>
  z.string().transform((text, context) => {
    const id = parseId(kind, text);
    if (id !== undefined) return id;
    context.addIssue({ code: 'custom', message: `no ${kind} id` });
    return z.NEVER;
  });
const amount = z
  .string()
  .regex(/^\d+$/)
  .transform((text) => nanos(BigInt(text)));

const payer = z.object({
  organizationId: idOf('organization'),
  workspaceId: idOf('workspace'),
  apiKeyId: idOf('apiKey'),
});

/** A payment every node is told of, more than once: it must make one grant. */
const purchase = z.object({
  payer,
  source: z.string(),
  kind: z.enum(['purchase', 'promotional']),
  amount,
  tax: amount,
});
export type Purchase = z.infer<typeof purchase>;

/** What the driver tells a node, one line of JSON on its stdin each. */
const order = z.discriminatedUnion('do', [
  z.object({
    do: z.literal('go'),
    seed: z.number(),
    /** The first one is hot: half of all requests are its. */
    payers: z.array(payer),
    purchases: z.array(purchase),
  }),
  /** Begin nothing new, bring everything begun to an end, say `rested`. */
  z.object({ do: z.literal('rest') }),
]);
export type Order = z.infer<typeof order>;

/**
 * What a node tells the driver, one line of JSON on its stdout each: before it tries something, and
 * again as soon as it has the answer, before it does anything else with that.
 */
const report = z.discriminatedUnion('t', [
  z.object({ t: z.literal('ready') }),
  z.object({ t: z.literal('rested') }),
  z.object({ t: z.literal('trouble'), why: z.string() }),
  z.object({ t: z.literal('asks'), id: idOf('request'), org: idOf('organization'), amount }),
  z.object({ t: z.literal('asked'), id: idOf('request'), outcome: z.string() }),
  z.object({
    t: z.literal('resolves'),
    id: idOf('request'),
    resolution: z.enum(['settle', 'void']),
    cost: amount,
    loss: amount,
  }),
  z.object({
    t: z.literal('resolved'),
    id: idOf('request'),
    outcome: z.string(),
    /** Absent where the answer says no charge: journaled, unavailable, unknown, rejected. */
    charged: amount.optional(),
  }),
  z.object({
    t: z.literal('granted'),
    org: idOf('organization'),
    source: z.string(),
    outcome: z.string(),
    grant: z.string().optional(),
  }),
]);
export type Report = z.infer<typeof report>;

const amountsAsText = (_: string, value: unknown): unknown =>
  typeof value === 'bigint' ? value.toString() : value;
const line = (value: Order | Report): string => `${JSON.stringify(value, amountsAsText)}\n`;

export const readOrder = (text: string): Order => order.parse(JSON.parse(text));
export const readReport = (text: string): Report => report.parse(JSON.parse(text));
export const orderLine = (value: Order): string => line(value);

/** Returns when the line is in the pipe: from there it reaches the driver whatever becomes of us. */
export function tell(value: Report): void {
  const bytes = Buffer.from(line(value));
  for (let sent = 0; sent < bytes.length; ) sent += writeSync(1, bytes, sent);
}
