import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { SettleCommand } from '#charging/commands';
import { type Id, type IdKind, parseId, type RequestId } from '#kernel/ids';
import { nanos } from '#kernel/money';
import { type ChargeRule, isChargeRule } from '#metering/rules';
import { linesSchema, usageSchema } from '#metering/stored-usage';
import { attemptsSchema } from '#metering/upstream-attempts';

/** A settlement as the journal keeps it: counts, amounts and ids, never a prompt or an answer. */
export type KeptSettlement = SettleCommand & {
  readonly resolution: 'settle';
  readonly happenedAt: Date;
};

/** What one file says: settlements nobody has seen to their end yet, and what cannot be read. */
export interface JournalContents {
  readonly open: ReadonlyMap<RequestId, KeptSettlement>;
  /** Lines that do not match their checksum though whole ones follow: a disk lost something. */
  readonly damaged: readonly Buffer[];
  /** Its last write was cut off. Nobody was told that it had succeeded. */
  readonly torn: boolean;
}

const id = <K extends IdKind>(kind: K) =>
  z.string().transform((text, context): Id<K> => {
    const found = parseId(kind, text);
    if (found !== undefined) return found;
    context.addIssue(`not the id of a ${kind}`);
    return z.NEVER;
  });
const amount = z
  .string()
  .regex(/^\d{1,19}$/)
  .transform((digits) => nanos(BigInt(digits)));
const instant = z.iso.datetime().transform((text) => new Date(text));

const rule = z.custom<ChargeRule>(isChargeRule);

const settlementLine = z.object({
  kind: z.literal('settlement'),
  organizationId: id('organization'),
  requestId: id('request'),
  cost: amount,
  happenedAt: instant,
  record: z.object({
    apiKeyId: id('apiKey'),
    workspaceId: id('workspace'),
    model: z.string(),
    rule,
    usage: usageSchema.nullable(),
    // The release before wrote none of these three, nor the last two.
    lines: linesSchema,
    listAmount: amount.nullable().default(null),
    upstreamCost: amount.nullable().default(null),
    priceVersion: z.string(),
    startedAt: instant,
    clientDisconnected: z.boolean(),
    estimated: z.boolean(),
    quarantined: z.boolean(),
    upstreamStatus: z.int().nullable(),
    lossUsage: amount,
    upstreamAttempts: attemptsSchema.optional(),
    adopted: z.boolean().default(false),
    retryOf: z.string().nullable().default(null),
  }),
});
const endLine = z.object({ kind: z.literal('end'), requestId: id('request') });
const line = z.discriminatedUnion('kind', [settlementLine, endLine]);
const asideLine = z.object({ kind: z.literal('set aside'), key: z.string() });

const SUM_CHARACTERS = 16;
const NEW_LINE = 0x0a;

const sumOf = (text: string | Buffer): string =>
  createHash('sha256').update(text).digest('hex').slice(0, SUM_CHARACTERS);

/** A checksum, a blank, and JSON, which holds no line break: a line is whole or it is none. */
function encode(value: object): Buffer {
  const text = JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'bigint' ? part.toString() : part,
  );
  return Buffer.from(`${sumOf(text)} ${text}\n`);
}

export const settlementBytes = (kept: KeptSettlement): Buffer => {
  const { organizationId, requestId, cost, happenedAt, record } = kept;
  return encode({ kind: 'settlement', organizationId, requestId, cost, happenedAt, record });
};

/** Says that nothing is left to do for a settlement: it is booked, or set aside for a person. */
export const endBytes = (requestId: RequestId): Buffer => encode({ kind: 'end', requestId });

/** What the ledger will never take, with all that a person needs to judge it. */
export const rejectedBytes = (kept: KeptSettlement, why: string): Buffer => {
  const { organizationId, requestId, cost, happenedAt, record } = kept;
  const settlement = { organizationId, requestId, cost, happenedAt, record };
  return encode({ kind: 'set aside', key: requestId, why, settlement });
};

/** A line that cannot be read has no id; its own checksum stands in for it. */
export const damagedKey = (bytes: Buffer): string => `damaged-${sumOf(bytes)}`;

export const damagedBytes = (bytes: Buffer): Buffer => {
  const why = 'does not match its checksum';
  return encode({
    kind: 'set aside',
    key: damagedKey(bytes),
    why,
    bytes: bytes.toString('base64'),
  });
};

/** Reads a journal, whatever a crash or a disk has made of it. Never throws. */
export function readJournal(bytes: Buffer): JournalContents {
  const open = new Map<RequestId, KeptSettlement>();
  const damaged: Buffer[] = [];
  let unreadable: Buffer[] = [];
  for (const part of linesOf(bytes)) {
    const read = line.safeParse(decode(part));
    if (!read.success) {
      unreadable.push(part);
      continue;
    }
    // Only now is it known that what could not be read is not the end of the file.
    damaged.push(...unreadable);
    unreadable = [];
    if (read.data.kind === 'end') open.delete(read.data.requestId);
    else open.set(read.data.requestId, keptOf(read.data));
  }
  return { open, damaged, torn: unreadable.length > 0 };
}

/** The keys of what a `.rejected` file holds. */
export function readSetAside(bytes: Buffer): string[] {
  return linesOf(bytes).flatMap((part) => {
    const read = asideLine.safeParse(decode(part));
    return read.success ? [read.data.key] : [];
  });
}

function keptOf(read: z.infer<typeof settlementLine>): KeptSettlement {
  const { kind: _, ...command } = read;
  return { ...command, resolution: 'settle' };
}

/** Undefined for what is no whole line. */
function decode(part: Buffer): unknown {
  const text = part.subarray(SUM_CHARACTERS + 1);
  if (part.toString('latin1', 0, SUM_CHARACTERS + 1) !== `${sumOf(text)} `) return undefined;
  try {
    return JSON.parse(text.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Without their line breaks, and without empty ones. The last one may lack its break. */
function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const at = bytes.indexOf(NEW_LINE, from);
    const to = at === -1 ? bytes.length : at;
    if (to > from) lines.push(bytes.subarray(from, to));
    from = to + 1;
  }
  return lines;
}
