import { createHash, randomBytes } from 'node:crypto';
import type { Sim } from './sim.ts';

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** How many seeded ids of a prefix there are; kept, so that a restart repeats none. */
export interface IdCount {
  id: string;
  count: number;
}

/**
 * A fresh id with one of Stripe's prefixes, for example `newId(sim, 'pi')` → `pi_…`. With a seed
 * (`id_seed`) the n-th id of a prefix is the same from run to run.
 */
export function newId(sim: Sim, prefix: string, length = 24): string {
  return `${prefix}_${idText(sim, prefix, length)}`;
}

/** The text of an id that stands for itself, such as a prefix of invoice numbers. */
export function idText(sim: Sim, kind: string, length: number): string {
  const { id_seed: seed } = sim.settings();
  if (seed === 0) return secretText(length);
  const count = (sim.store.id_counts.get(kind)?.count ?? 0) + 1;
  sim.store.id_counts.put({ id: kind, count });
  return spell(createHash('sha512').update(`${seed} ${kind} ${count}`).digest(), length);
}

/** Never to be guessed, whatever the seed. */
export function secretText(length: number): string {
  return spell(randomBytes(length), length);
}

function spell(bytes: Uint8Array, length: number): string {
  return [...bytes.subarray(0, length)].map((byte) => ALPHABET[byte % ALPHABET.length]).join('');
}

/** The id of a reference that may be expanded. */
export function idOf(reference: string | { id: string } | null | undefined): string | null {
  if (reference === null || reference === undefined) return null;
  return typeof reference === 'string' ? reference : reference.id;
}
