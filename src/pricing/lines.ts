import { z } from 'zod';
import { COMPONENT_KINDS, type ComponentKind } from './book.ts';
import { type RatedLine, roundingLine } from './rate.ts';
import { perUnit, UNITS_PRICED } from './rate-fraction.ts';
import type { Multiplier } from './rate-plan.ts';

/**
 * The lines of one charge as they are stored beside it: small, plain JSON, every amount in digits.
 * What follows from a line is not stored; `readLines` works it out again, exactly.
 */
export interface PackedLines {
  readonly models: readonly string[];
  readonly lines: readonly PackedLine[];
  /** Absent where nothing multiplied. */
  readonly factors?: readonly PackedFactors[];
}

/** Position in `models`, units, price, and position in `factors` where something multiplied. */
type PackedLine =
  | readonly [kind: ComponentKind, model: number | null, units: string, price: string]
  | readonly [kind: ComponentKind, model: number | null, units: string, price: string, at: number]
  | readonly [kind: 'rounding', numerator: string, denominator: string];

type PackedFactors = readonly (readonly [Multiplier['name'], string, string])[];

export function packLines(rated: { readonly lines: readonly RatedLine[] }): PackedLines {
  const models: string[] = [];
  const factors: (readonly Multiplier[])[] = [];
  const lines: PackedLine[] = [];
  for (const line of rated.lines) {
    if (line.kind === 'rounding') {
      lines.push([line.kind, line.numerator.toString(), line.denominator.toString()]);
      continue;
    }
    const model = line.model === null ? null : position(models, line.model);
    const known = [
      line.kind,
      model,
      line.units.toString(),
      line.unitPriceNanos.toString(),
    ] as const;
    if (line.multipliers.length === 0) lines.push(known);
    else lines.push([...known, positionOf(factors, line.multipliers)]);
  }
  if (factors.length === 0) return { models, lines };
  return { models, lines, factors: factors.map(packFactors) };
}

function position(models: string[], model: string): number {
  const known = models.indexOf(model);
  return known >= 0 ? known : models.push(model) - 1;
}

/** A turn's lines mostly share their factors, as values if not as objects. */
function positionOf(all: (readonly Multiplier[])[], wanted: readonly Multiplier[]): number {
  const known = all.findIndex((some) => some === wanted || equal(some, wanted));
  return known >= 0 ? known : all.push(wanted) - 1;
}

const equal = (some: readonly Multiplier[], others: readonly Multiplier[]): boolean =>
  some.length === others.length &&
  some.every(({ name, numerator, denominator }, index) => {
    const other = others[index];
    return (
      name === other?.name && numerator === other.numerator && denominator === other.denominator
    );
  });

const packFactors = (multipliers: readonly Multiplier[]): PackedFactors =>
  multipliers.map((m) => [m.name, m.numerator.toString(), m.denominator.toString()]);

/** As long as any number that two 64-bit prices and a few factors can make. */
const digits = z
  .string()
  .regex(/^\d{1,80}$/)
  .transform(BigInt);
const signed = z
  .string()
  .regex(/^-?\d{1,80}$/)
  .transform(BigInt);
const divisor = digits.refine((value) => value > 0n);
const place = z.int().nonnegative();
const component = [z.enum(COMPONENT_KINDS), place.nullable(), digits, digits] as const;
const packed = z.object({
  models: z.array(z.string()),
  lines: z.array(
    z.union([
      z.tuple([z.literal('rounding'), signed, divisor]),
      z.tuple(component),
      z.tuple([...component, place]),
    ]),
  ),
  factors: z
    .array(z.array(z.tuple([z.enum(['speed', 'region', 'batch', 'discount']), digits, divisor])))
    .optional(),
});

/** The lines that were packed. Undefined for anything that `packLines` did not write. */
export function readLines(value: unknown): RatedLine[] | undefined {
  const read = packed.safeParse(value);
  if (!read.success) return undefined;
  const { models, factors = [] } = read.data;
  const lines: RatedLine[] = [];
  for (const entry of read.data.lines) {
    if (entry[0] === 'rounding') {
      lines.push(roundingLine(entry[1], entry[2]));
      continue;
    }
    const [kind, modelAt, units, unitPriceNanos, factorsAt] = entry;
    const model = modelAt === null ? null : models[modelAt];
    const named = factorsAt === undefined ? [] : factors[factorsAt];
    if (model === undefined || named === undefined) return undefined;
    const multipliers = named.map(([name, numerator, denominator]) => ({
      name,
      numerator,
      denominator,
    }));
    const { numerator, denominator } = perUnit(kind, unitPriceNanos, multipliers);
    const per = UNITS_PRICED[kind];
    lines.push({
      kind,
      model,
      units,
      unitPriceNanos,
      per,
      multipliers,
      numerator: units * numerator,
      denominator,
    });
  }
  return lines;
}
