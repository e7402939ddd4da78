import { join } from 'node:path';
import type { Addresses } from '#db/addresses';
import type { Entropy } from '#kernel/ids';
import type { Config, Ports } from '#src/config';
import type { Closers } from '#src/start/closers';
import { keptSecret } from '#src/start/data-dir';
import type { StripeAccess } from '#src/start/payments';
import { urlOf } from '#src/start/ports';
import { EXIT_CONFIG, StartRefused } from '#src/start/refusal';
import { startSimulator } from '#src/start/simulators';

/** What Bursar needs from outside: a card processor and a model, real or simulated. */
export interface Supplies {
  readonly stripe: StripeAccess;
  /** Of a deployment without a file of upstreams. */
  readonly upstream: { readonly url: string; readonly key: string };
  /** Set where the simulators are in use. */
  readonly stripeSimUrl: string | undefined;
  readonly modelSimUrl: string | undefined;
}

export const usesStripeSim = (config: Config): boolean =>
  config.stripe.secretKey === undefined && config.stripe.apiUrl === undefined;

export const usesModelSim = (config: Config): boolean =>
  config.upstream === undefined && config.upstreams === undefined;

/** Made up, and of a shape the real service would refuse. */
const SIMULATOR_STRIPE_KEY = 'sk_test_simulated';
const SIMULATOR_MODEL_KEY = 'simulated';

export interface SupplyOptions {
  readonly config: Config;
  readonly ports: Ports;
  /** Of the system that is joined; none for a system of its own. */
  readonly joined: Addresses;
  readonly entropy: Entropy;
  readonly closers: Closers;
  readonly webhookUrl: string;
  readonly onLost: (name: string) => void;
}

export async function openSupplies(options: SupplyOptions): Promise<Supplies> {
  const { config, entropy } = options;
  const webhookSecrets = webhookSecretsOf(
    config,
    usesStripeSim(config) ? keptSecret(config.dataDir, 'webhook-secret', entropy) : undefined,
  );
  // A gateway never asks the processor; only a gateway calls a model.
  const paid = config.role !== 'gateway' && usesStripeSim(config);
  const served = ['all', 'gateway'].includes(config.role) && usesModelSim(config);
  const [stripeSimUrl, modelSimUrl] = await Promise.all([
    paid ? stripeSim(options, webhookSecrets[0] ?? '') : undefined,
    served ? modelSim(options) : undefined,
  ]);
  return {
    stripe: { ...stripeAccessOf(config, stripeSimUrl), webhookSecrets },
    upstream: {
      url: config.upstream?.url ?? modelSimUrl ?? '',
      key: config.upstream?.key.reveal() ?? SIMULATOR_MODEL_KEY,
    },
    stripeSimUrl,
    modelSimUrl,
  };
}

/** `simulator`: where one runs. Without secrets of a simulator's: only a server verifies those. */
export const stripeAccessOf = (config: Config, simulator: string | undefined): StripeAccess => ({
  secretKey: config.stripe.secretKey?.reveal() ?? SIMULATOR_STRIPE_KEY,
  webhookSecrets: webhookSecretsOf(config, undefined),
  apiUrl: config.stripe.apiUrl ?? simulator,
  simulated: config.stripe.secretKey === undefined,
});

/** One, or two while one replaces the other. */
function webhookSecretsOf(config: Config, simulator: string | undefined): readonly string[] {
  const configured = config.stripe.webhookSecret?.reveal().split(',');
  if (configured !== undefined) return configured.map((secret) => secret.trim());
  return simulator === undefined ? [] : [`whsec_${simulator}`];
}

async function stripeSim(options: SupplyOptions, webhookSecret: string): Promise<string> {
  const { config, ports } = options;
  if (config.role !== 'all') return simulatorOf(options, 'stripe_sim', 'STRIPE_API_URL');
  const port = String(ports.stripeSim);
  const simulator = await startSimulator({
    name: 'stripe-sim',
    onLost: options.onLost,
    environment: {
      BURSAR_HOST: config.host,
      ...(config.brand === undefined ? {} : { BURSAR_BRAND: config.brand }),
      STRIPE_SIM_PORT: port,
      STRIPE_SIM_DATA_DIR: join(config.dataDir, 'stripe-sim'),
      STRIPE_SIM_WEBHOOK_URL: options.webhookUrl,
      STRIPE_SIM_WEBHOOK_SECRET: webhookSecret,
    },
  });
  options.closers.add('stripe-sim', simulator.stop);
  return simulator.url;
}

async function modelSim(options: SupplyOptions): Promise<string> {
  const { config, ports } = options;
  if (config.role !== 'all') return simulatorOf(options, 'model_sim', 'BURSAR_UPSTREAM_URL');
  const port = String(ports.modelSim);
  const simulator = await startSimulator({
    name: 'model-sim',
    onLost: options.onLost,
    environment: { BURSAR_HOST: config.host, BURSAR_MODEL_SIM_PORT: port },
  });
  options.closers.add('model-sim', simulator.stop);
  return simulator.url;
}

/** A process that joins uses the simulators of the system it joins, else the configured ports. */
function simulatorOf(
  { config, joined }: SupplyOptions,
  name: 'stripe_sim' | 'model_sim',
  variable: string,
): string {
  const told = joined[name];
  if (told !== undefined) return told;
  const port = name === 'stripe_sim' ? config.ports.stripeSim : config.ports.modelSim;
  if (port !== 0) return urlOf(config.host, port);
  const message = `${variable}: found nothing, expected a URL, because no simulator is known here.`;
  throw new StartRefused(message, EXIT_CONFIG);
}
