import { NANOS_PER_CENT, type NanoUsd, nanos, parseUsd, ZERO } from '#kernel/money';
import { saveDetails } from '#payments/billing-details-sql';
import { makeDefault, savedCards } from '#payments/cards';
import type { PaymentsDeps } from '#payments/deps';
import { listPurchases, refreshPurchase } from '#payments/purchases';
import { evaluateDueReloads, evaluateReload } from '#payments/reload';
import { reloadCardChanged, saveReloadSettings } from '#payments/reload-settings';
import { settlePayment } from '#payments/settle';
import type { Payer } from '#test/ledger-world';
import { Chance } from '../simulation/chance.ts';
import { type Activity, Died, Gate } from './gate.ts';
import { Watch } from './watch.ts';
import { NO_FUNDS_LATER, type Node, type ReloadsWorld, VISA } from './world.ts';

export interface SeedResult {
  readonly seed: number;
  readonly violation: string | undefined;
  readonly trace: readonly string[];
  readonly charges: number;
  readonly steps: number;
}

const usd = (text: string): NanoUsd => parseUsd(text) ?? ZERO;
const STEPS = 900;
const REST_ROUNDS = 200;

/** One organization, two processes and a person, and everything that can happen between them. */
export async function runSeed(world: ReloadsWorld, seed: number): Promise<SeedResult> {
  const run = new Run(world, new Chance(seed));
  const violation = await run.all().then(
    () => undefined,
    (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error)),
  );
  return { seed, violation, ...run.told() };
}

class Run {
  readonly #world: ReloadsWorld;
  readonly #chance: Chance;
  readonly #gate: Gate;
  readonly #underWay = new Set<Activity>();
  readonly #spending = new Set<Node>();
  readonly #maxPerDay: number;
  readonly #monthMost: NanoUsd;
  readonly #taxed: boolean;
  readonly #mortality: number;
  readonly #atOnce: number;
  readonly #whims: number;
  #watch: Watch | undefined;
  #losing: number;
  #begun = 0;
  #steps = 0;
  #failure: unknown;

  constructor(world: ReloadsWorld, chance: Chance) {
    this.#world = world;
    this.#chance = chance;
    this.#gate = new Gate(chance, world.owner);
    this.#maxPerDay = chance.whole(1, 6);
    this.#monthMost = nanos(usd('1') * BigInt(chance.whole(40, 260)));
    this.#taxed = chance.happens(0.4);
    this.#losing = chance.pick([0, 0.1, 0.35]);
    this.#mortality = chance.pick([0, 0.004, 0.02]);
    this.#atOnce = chance.pick([2, 3, 5]);
    this.#whims = chance.pick([0, 0.3, 1]);
  }

  told(): Pick<SeedResult, 'trace' | 'charges' | 'steps'> {
    const charges = this.#watch?.charges.length ?? 0;
    return { trace: this.#gate.trace, charges, steps: this.#steps };
  }

  async all(): Promise<void> {
    const payer = await this.#world.payer();
    const { organizationId } = payer;
    const watch = new Watch(this.#world.owner, organizationId, this.#monthMost);
    this.#watch = watch;
    const cards = this.#chance.happens(0.75) ? [VISA, NO_FUNDS_LATER] : [NO_FUNDS_LATER, VISA];
    for (const number of cards) await this.#world.save(payer, number);
    await this.#world.owner.query(saveDetails(organizationId, 'user_ada', ADDRESS));
    await this.#world.give(payer, usd('14'));
    const [{ deps }] = this.#world.nodes;
    await saveReloadSettings(deps, organizationId, { ...this.#settings(), enabled: true }, 'begin');
    for (let step = 0; step < STEPS; step += 1) {
      this.#steps += 1;
      if (this.#underWay.size < this.#atOnce && this.#chance.happens(0.3)) this.#begin(payer);
      else if (this.#chance.happens(0.06)) await this.#pass();
      else await this.#gate.step(this.#mortality);
      this.#check();
    }
    this.#losing = 0;
    await this.#rest(payer);
    await watch.verdict(this.#maxPerDay);
  }

  /** Time passes: seconds as a rule, at times a day, a month. */
  async #pass(): Promise<void> {
    const much = this.#chance.weighted([
      [3, '20 seconds'],
      [6, '70 seconds'],
      [5, '25 minutes'],
      [4, '13 hours'],
      [1, '9 days'],
    ]);
    this.#gate.trace.push(`time: ${much}`);
    await this.#world.advance(much);
  }

  #begin(payer: Payer): void {
    const deeds: readonly (readonly [number, string, Deed])[] = [
      [14, 'spend', (node, activity) => this.#spend(node, payer, activity)],
      [4, 'ask', (_, { deps }) => evaluateReload(deps, payer.organizationId, 'credit_low')],
      [3, 'turn', (_, { deps }) => evaluateDueReloads(deps)],
      [3, 'poll', (_, { deps }) => poll(deps, payer)],
      [2, 'hook', (_, { deps }) => this.#hook(deps)],
      [2, 'on', (_, { deps }) => this.#switch(deps, payer, true)],
      [this.#whims, 'off', (_, { deps }) => this.#switch(deps, payer, false)],
      [this.#whims, 'card', (_, { deps }) => this.#choose(deps, payer)],
    ];
    const [, what, deed] = this.#chance.weighted(deeds.map((each) => [each[0], each]));
    const node = this.#chance.pick(this.#world.nodes);
    const name = `${node.name}${String(++this.#begun).padStart(3, '0')} ${what}`;
    const activity: Activity = { name, dead: false };
    this.#underWay.add(activity);
    const hands = { activity, deps: this.#depsOf(node, activity) };
    deed(node, hands)
      .catch((error: unknown) => {
        if (!activity.dead || !(error instanceof Died)) this.#failure ??= error;
      })
      .finally(() => this.#underWay.delete(activity));
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Faults have ended: whoever has a timer takes turns until nothing is open. */
  async #rest(payer: Payer): Promise<void> {
    for (let round = 0; round < REST_ROUNDS; round += 1) {
      await this.#gate.quiet();
      this.#check();
      if (this.#gate.open > 0) {
        await this.#gate.step(0);
        continue;
      }
      const [node] = this.#world.nodes;
      const { deps } = node;
      const { organizationId } = payer;
      this.#watch?.switching();
      await saveReloadSettings(
        deps,
        organizationId,
        { ...this.#settings(), enabled: false },
        'end',
      );
      await poll(deps, payer);
      const open = (await listPurchases(deps.pool, organizationId, 100)).filter(
        ({ state }) => state === 'opening' || state === 'processing' || state === 'draft',
      );
      if (open.length === 0) return;
      await this.#world.advance('90 seconds');
    }
    throw new Error(`still open: ${this.#gate.open} statements`);
  }

  async #spend(node: Node, payer: Payer, { activity }: Hands): Promise<void> {
    const amount = usd(this.#chance.pick(['4', '12', '31', '31']));
    // Two of one process would share a statement, and one of them wait outside PostgreSQL.
    if (this.#spending.has(node)) return;
    this.#spending.add(node);
    await this.#gate
      .pass(activity, 'request', async () => {
        const id = await this.#world.hold(node, payer, amount);
        await this.#world.settle(node, payer, id, amount);
      })
      .finally(() => this.#spending.delete(node));
  }

  async #hook(deps: PaymentsDeps): Promise<void> {
    const charge = this.#watch?.charges.at(-1);
    if (charge !== undefined) await settlePayment(deps, charge.paymentId, 'webhook');
  }

  #settings() {
    const [threshold, target] = [usd('10'), usd('50')];
    return { threshold, target, maxPerDay: this.#maxPerDay, maxPerMonth: this.#monthMost };
  }

  async #switch(deps: PaymentsDeps, payer: Payer, enabled: boolean): Promise<void> {
    const settings = { ...this.#settings(), enabled };
    if (enabled) this.#watch?.switching();
    const { organizationId } = payer;
    const switched = this.#switches + 1;
    this.#switches = switched;
    await saveReloadSettings(deps, organizationId, settings, 'user_ada');
    // Only if nobody else switched meanwhile is it known how it stands.
    if (!enabled && this.#switches === switched) await this.#watch?.switchedOff();
  }
  #switches = 0;

  async #choose(deps: PaymentsDeps, payer: Payer): Promise<void> {
    const cards = await savedCards(deps, payer.organizationId);
    const other = cards.find((card) => !card.isDefault);
    if (other === undefined) return;
    const made = await makeDefault(deps, payer.organizationId, other.id);
    if (made.outcome === 'done') await reloadCardChanged(deps, payer.organizationId);
  }

  /** What a process reaches the world with: in turns, and at times without an answer. */
  #depsOf(node: Node, activity: Activity): PaymentsDeps {
    const { deps } = node;
    const [gate, lost] = [this.#gate, () => this.#chance.happens(this.#losing)];
    const { cardCharges, processor, cards, tax } = deps;
    return {
      ...deps,
      pool: gate.pool(activity, deps.pool),
      automaticTax: this.#taxed,
      cardCharges: {
        chargeCard: async (request) => {
          const before = lost();
          const after = lost();
          return gate.pass(activity, `charge ${request.purchaseId.slice(-4)}`, async () => {
            if (before) return UNKNOWN;
            const answer = await cardCharges.chargeCard(request);
            if (answer.outcome === 'answered' && answer.payment.status === 'succeeded') {
              await this.#watch?.charged(answer.payment.id, request.purchaseId, request.total);
            }
            return after ? UNKNOWN : answer;
          });
        },
        findPaymentOf: (customer, purchase) =>
          gate.pass(activity, 'find payment', async () =>
            lost() ? AWAY : cardCharges.findPaymentOf(customer, purchase),
          ),
        cancelPayment: (id, key) =>
          gate.pass(activity, 'cancel', () => cardCharges.cancelPayment(id, key)),
      },
      processor: {
        ...processor,
        retrievePayment: (id) =>
          gate.pass(activity, 'read payment', async () =>
            lost() ? AWAY : processor.retrievePayment(id),
          ),
      },
      cards: {
        ...cards,
        listCards: (id) => gate.pass(activity, 'list cards', () => cards.listCards(id)),
        setDefault: (...of) => gate.pass(activity, 'default', () => cards.setDefault(...of)),
      },
      tax: {
        ...tax,
        calculate: ({ amount }) =>
          gate.pass(activity, 'tax', async () => {
            if (lost()) return UNKNOWN;
            const due = nanos(((amount * 19n) / 100n / NANOS_PER_CENT) * NANOS_PER_CENT);
            return {
              outcome: 'done',
              tax: { tax: due, total: nanos(amount + due), lines: [], calculation: null },
            };
          }),
      },
    };
  }
}

interface Hands {
  readonly activity: Activity;
  readonly deps: PaymentsDeps;
}
type Deed = (node: Node, hands: Hands) => Promise<unknown>;

const UNKNOWN = { outcome: 'unknown', detail: 'no answer', replayed: false } as const;
const AWAY = { outcome: 'unavailable', detail: 'no answer' } as const;
const ADDRESS = {
  ...{ name: 'Ada GmbH', line1: 'Hauptstr. 1', line2: '', city: 'Berlin', state: '' },
  ...{ postalCode: '10115', country: 'DE', taxIdType: null, taxId: null },
};

async function poll(deps: PaymentsDeps, { organizationId }: Payer): Promise<void> {
  for (const { id, trigger } of await listPurchases(deps.pool, organizationId, 5)) {
    if (trigger === 'auto_reload') await refreshPurchase(deps, id, 'poller');
  }
}
