import { startStripeSim } from './server.ts';
import { PERCENT } from './settings.ts';

const { env } = process;
const url = env.STRIPE_SIM_WEBHOOK_URL;
const secret = env.STRIPE_SIM_WEBHOOK_SECRET;
const tax = env.STRIPE_SIM_TAX;
if (tax !== undefined && !PERCENT.test(tax)) {
  process.stderr.write(`STRIPE_SIM_TAX is "${tax}"; a percentage or by_place is needed.\n`);
  process.exit(78);
}
const sim = await startStripeSim({
  host: env.BURSAR_HOST ?? '127.0.0.1',
  port: Number.parseInt(env.STRIPE_SIM_PORT ?? '4002', 10),
  ...(env.STRIPE_SIM_DATA_DIR === undefined ? {} : { dataDir: env.STRIPE_SIM_DATA_DIR }),
  ...(env.BURSAR_BRAND === undefined ? {} : { merchantName: env.BURSAR_BRAND }),
  ...(tax === undefined ? {} : { taxRatePercent: tax }),
  ...(url && secret ? { webhook: { url, secret } } : {}),
});
process.stdout.write(`${JSON.stringify({ stripe_sim: sim.url })}\n`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void sim.close().then(() => process.exit(0)));
}
