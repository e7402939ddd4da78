import Stripe from 'stripe';
import { startStripeSim } from '#sims/stripe-sim/server';
import type { Account } from './account.ts';
import { browserHands } from './browser-hands.ts';
import { type Hands, simulatedHands } from './hands.ts';
import { personHands } from './person-hands.ts';
import { apiAt } from './processor-api.ts';
import { type Delivered, openShopFront } from './shop-front.ts';

const STRIPE = 'https://api.stripe.com';
/** Where `stripe listen --forward-to` is told to send webhooks, see docs/real-stripe.md. */
const FORWARDED_TO_PORT = 4242;

/** A processor's test account and somebody at its pages: what the scenarios are played with. */
export interface Stage {
  readonly processorUrl: string;
  readonly secretKey: string;
  readonly hands: Hands;
  /** Where the hosted pages lead back to. */
  readonly shopUrl: string;
  /** A webhook as this processor sends them; `event` is one of this run, in its own words. */
  webhook(event: Stripe.Event): Promise<Delivered>;
  close(): Promise<void>;
}

export interface Setting {
  readonly name: string;
  /** Between two requests, and between two looks at what takes its time. */
  readonly spacingMs: number;
  readonly pollMs: number;
  /** For what is done by the processor or a bank in its own time, and for a whole scenario. */
  readonly patienceMs: number;
  readonly scenarioMs: number;
  open(): Promise<Stage>;
}

const SIM_KEY = 'sk_test_bursar';
const OWN_SECRET = 'whsec_of_this_run';
const AT_HOME = { spacingMs: 0, pollMs: 50, patienceMs: 120_000, scenarioMs: 600_000 };
/** 25 requests a second are allowed, for two lines; a test account's banks answer in minutes. */
const FAR_AWAY = { spacingMs: 100, pollMs: 1_500, patienceMs: 300_000, scenarioMs: 1_200_000 };

/** The simulator, its pages worked through its control and its own webhooks. */
export const simulated: Setting = {
  name: 'at the simulator',
  ...AT_HOME,
  async open() {
    const secret = 'whsec_of_the_simulator';
    const shop = await openShopFront(secret);
    const webhook = { url: `${shop.origin}/webhooks/stripe`, secret };
    const sim = await startStripeSim({ host: '127.0.0.1', port: 0, webhook });
    return {
      ...{ processorUrl: sim.url, secretKey: SIM_KEY, shopUrl: shop.origin },
      hands: simulatedHands(sim.url),
      webhook: (event) => arrival(event, shop.received, AT_HOME),
      async close() {
        await sim.close();
        await shop.close();
      },
    };
  },
};

/** All that is done at the real processor, done at the simulator: API calls and a browser alone. */
export const rehearsed: Setting = {
  name: 'as at the real processor, at the simulator',
  ...AT_HOME,
  async open() {
    const shop = await openShopFront(OWN_SECRET);
    const sim = await startStripeSim({ host: '127.0.0.1', port: 0 });
    const hands = await browserHands({ shopUrl: shop.origin, patienceMs: AT_HOME.patienceMs });
    return {
      ...{ processorUrl: sim.url, secretKey: SIM_KEY, shopUrl: shop.origin, hands },
      webhook: signedByTheLibrary,
      async close() {
        await hands.close();
        await sim.close();
        await shop.close();
      },
    };
  },
};

/** A real test account. */
export const real = (account: Extract<Account, { kind: 'real' }>): Setting => ({
  name: 'at a test account of Stripe',
  ...FAR_AWAY,
  async open() {
    const { secretKey, webhookSecret } = account;
    await refuseUnlessTest(secretKey);
    const forwarded = webhookSecret !== undefined;
    const shop = await openShopFront(
      webhookSecret ?? OWN_SECRET,
      forwarded ? FORWARDED_TO_PORT : 0,
    );
    const hands = await handsFor(account, shop.origin);
    return {
      ...{ processorUrl: STRIPE, secretKey, shopUrl: shop.origin, hands },
      webhook: (event) =>
        forwarded ? arrival(event, shop.received, FAR_AWAY) : signedByTheLibrary(event),
      async close() {
        await hands.close();
        await shop.close();
      },
    };
  },
});

async function handsFor(
  account: Extract<Account, { kind: 'real' }>,
  shopUrl: string,
): Promise<Hands> {
  if (account.page === 'browser') {
    return browserHands({ shopUrl, patienceMs: FAR_AWAY.patienceMs });
  }
  const stripe = apiAt(STRIPE, account.secretKey);
  const tell = (text: string) => console.log(`\n${text}\n`);
  const { pollMs, patienceMs } = FAR_AWAY;
  return personHands({ stripe, tell, pollMs, patienceMs });
}

/** The key says so, and so must the account: nothing here may ever move money. */
async function refuseUnlessTest(secretKey: string): Promise<void> {
  const asked = apiAt(STRIPE, secretKey).balance.retrieve();
  const balance = await asked.catch((cause: unknown) => {
    throw new Error('The account of STRIPE_SECRET_KEY cannot be asked.', { cause });
  });
  if (balance.livemode) throw new Error('STRIPE_SECRET_KEY belongs to a live account');
}

/** Waits until the processor itself has sent the event here. */
async function arrival(
  event: Stripe.Event,
  received: readonly Delivered[],
  { pollMs, patienceMs }: { readonly pollMs: number; readonly patienceMs: number },
): Promise<Delivered> {
  const deadline = performance.now() + patienceMs;
  while (performance.now() < deadline) {
    const found = received.find(({ body }) => body.includes(event.id));
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error(`event ${event.id} was not delivered: is \`stripe listen\` running?`);
}

/** Without a way in from outside: the event as the API tells it, signed by the official library. */
async function signedByTheLibrary(event: Stripe.Event): Promise<Delivered> {
  const secret = OWN_SECRET;
  const payload = JSON.stringify(event);
  const signature = Stripe.webhooks.generateTestHeaderString({ payload, secret });
  return { body: Buffer.from(payload), signature, secret };
}
