import { Chance } from './chance.ts';

/** What can go wrong with one statement, or with the node that sent it. */
export const STATEMENT_FAULTS = [
  'cut_before',
  'cut_after',
  'late_answer',
  'crash_before',
  'crash_after',
  'undone_inside',
  '40001',
  '40P01',
  '55P03',
  '57014',
  '57P01',
  '53300',
  '53100',
] as const;
export type StatementFault = (typeof STATEMENT_FAULTS)[number];

/** What happens beside statements. */
export const EVENTS = [
  'crash',
  'clock_jump',
  'clock_set_back',
  'skew',
  'to_the_instant',
  'month_passes',
  'lease_passes',
  'renewal',
  'journal_adopted',
  'replayed_command',
  'waited_for_a_lock',
] as const;
export type FaultKind = StatementFault | (typeof EVENTS)[number];

/** How a run behaves: intensities are drawn per seed, so that seeds differ in kind. */
export interface Weather {
  readonly nodes: number;
  readonly organizations: number;
  readonly customers: number;
  /** Operations of each customer and of the office. */
  readonly errands: number;
  /** How much likelier somebody begins something than a waiting statement is let through. */
  readonly haste: number;
  /** Of each node: a slow one is seldom given a turn. */
  readonly pace: readonly number[];
  /** Of each node: how far its own clock is ahead, in ms, or behind. */
  readonly ahead: readonly number[];
  readonly statementFaults: readonly (readonly [weight: number, kind: StatementFault])[];
  readonly faultRate: number;
  readonly crashRate: number;
  readonly clockRate: number;
  readonly renewalRate: number;
  readonly leaseMs: number;
  readonly largest: bigint;
  /** Requests ask for at most this much of the largest amount, in percent. */
  readonly thirst: number;
  readonly grantDays: number;
}

const WRONG_BY = [0, 0, 0, 300_000, -300_000, 86_400_000, -86_400_000];

export interface Calm {
  /** Faults that do not happen, for shrinking. */
  readonly without?: readonly string[];
  readonly errands?: number;
  readonly customers?: number;
  readonly nodes?: number;
  /** How many promises more an answer passes through: the story must be the same. */
  readonly promises?: number;
}

export function drawWeather(seed: number, calm: Calm = {}): Weather {
  const chance = new Chance(seed, 'weather');
  const nodes = chance.whole(1, 3);
  const organizations = chance.whole(1, 3);
  const customers = chance.whole(2, 7);
  const errands = chance.whole(3, 9);
  const haste = chance.pick([0.3, 1, 3, 8]);
  const pace = Array.from({ length: 3 }, () => chance.pick([1, 1, 1, 0.1]));
  const allowed = (kind: string): boolean => !(calm.without ?? []).includes(kind);
  const statementFaults = STATEMENT_FAULTS.map((kind): [number, StatementFault] => [
    chance.happens(0.6) ? chance.pick([1, 1, 4]) : 0,
    kind,
  ]);
  const any = statementFaults.some(([weight, kind]) => weight > 0 && allowed(kind));
  const faultRate = chance.pick([0, 0.02, 0.1, 0.1, 0.25]);
  const crashRate = chance.pick([0, 0, 0.005, 0.02]);
  const clockRate = chance.pick([0, 0.01, 0.05, 0.1]);
  const renewalRate = chance.pick([0, 0.02, 0.1]);
  return {
    nodes: Math.min(nodes, calm.nodes ?? 3),
    organizations,
    customers: Math.min(customers, calm.customers ?? 9),
    errands: Math.min(errands, calm.errands ?? 99),
    haste,
    pace,
    statementFaults: statementFaults.map(([weight, kind]) => [allowed(kind) ? weight : 0, kind]),
    faultRate: any ? faultRate : 0,
    crashRate: allowed('crash') ? crashRate : 0,
    clockRate: allowed('clock') ? clockRate : 0,
    renewalRate: allowed('renewal') ? renewalRate : 0,
    leaseMs: chance.pick([200, 45_000, 45_000]),
    thirst: chance.pick([10, 30, 60, 100]),
    largest: chance.pick([3n, 100n, 5_000_000_000n]),
    grantDays: chance.pick([1, 30, 365]),
    ahead: Array.from({ length: 3 }, () => (allowed('skew') ? chance.pick(WRONG_BY) : 0)),
  };
}
