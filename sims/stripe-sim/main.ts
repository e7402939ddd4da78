import { startStripeSim } from './server.ts';

const dataDir = process.env.STRIPE_SIM_DATA_DIR;
const sim = await startStripeSim({
  host: '127.0.0.1',
  port: Number(process.env.STRIPE_SIM_PORT ?? 4002),
  ...(dataDir === undefined ? {} : { dataDir }),
});
console.log(`stripe-sim on ${sim.url}`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void sim.close().then(() => process.exit(0)));
}
