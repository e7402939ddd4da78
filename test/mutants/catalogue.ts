import { ACCESS } from './access.ts';
import { BATCHES } from './batches.ts';
import { FLUSHES } from './flushes.ts';
import { GRANTS } from './grants.ts';
import { HOLDS } from './holds.ts';
import { JOURNAL } from './journal.ts';
import { LIMITS } from './limits.ts';
import { PLAIN } from './plain.ts';
import type { PlantedBug } from './planted-bug.ts';
import { REVERSALS } from './reversals.ts';
import { SETTLEMENTS } from './settlements.ts';
import { TAKEOVERS } from './takeovers.ts';
import { VERIFICATION } from './verification.ts';

/** Every planted bug, in the order of the table of results. */
export const BUGS: readonly PlantedBug[] = [
  ...PLAIN,
  ...HOLDS,
  ...SETTLEMENTS,
  ...ACCESS,
  ...LIMITS,
  ...GRANTS,
  ...REVERSALS,
  ...BATCHES,
  ...FLUSHES,
  ...JOURNAL,
  ...TAKEOVERS,
  ...VERIFICATION,
];
