import { startModelSim } from './server.ts';

const host = process.env.BURSAR_HOST ?? '127.0.0.1';
const port = Number.parseInt(process.env.BURSAR_MODEL_SIM_PORT ?? '4003', 10);
const sim = await startModelSim({ host, port });
process.stdout.write(`${JSON.stringify({ model_sim: sim.url })}\n`);

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void sim.close().then(() => process.exit(0)));
}
