import { openPool } from '#db/pool';
import { parseId } from '#kernel/ids';
import { stripePorts } from '#payments/stripe-ports';
import { systemClock, systemEntropy } from '#src/system';
import { chargingOn, hold, type Payer, settle, usd } from '#test/ledger-world';
import { startWorker } from '#worker/run';
import { now } from './reload-processor.ts';

/**
 * One process of the product as far as reloads go: it charges requests and works jobs and timers.
 * Its parent says whose credit is to cross the mark.
 */
const [databaseUrl = '', apiUrl = '', secretKey = ''] = process.argv.slice(2);

const pool = openPool({ url: databaseUrl, name: 'bench', max: 12, connectTimeoutMs: 60_000 });
const node = chargingOn(databaseUrl);
const worker = await startWorker({
  ...{ pool, databaseUrl, clock: systemClock, entropy: systemEntropy, environment: 'bench' },
  ...stripePorts({ secretKey, apiUrl }),
  urls: { console: 'http://127.0.0.1:4000' },
  webhooksExpected: false,
});

process.on('message', (message: unknown) => {
  if (message === 'stop') void stop();
  else void cross(message);
});
process.send?.({ ready: true });

/** Spends from above the mark to below it. The time is that before the settlement is asked for. */
async function cross(message: unknown): Promise<void> {
  const payer = payerIn(message);
  const cost = usd(String(Reflect.get(Object(message), 'cost')));
  const held = await hold(node.charging, payer, cost);
  if (held.outcome !== 'held') throw new Error(`hold: ${held.outcome}`);
  const crossedAt = now();
  const settled = await settle(node.charging, payer, held.id, cost);
  if (settled.outcome !== 'settled') throw new Error(`settle: ${settled.outcome}`);
  process.send?.({ crossed: payer.organizationId, crossedAt });
}

function payerIn(message: unknown): Payer {
  const told = (name: string) => String(Reflect.get(Object(message), name));
  const organizationId = parseId('organization', told('organizationId'));
  const workspaceId = parseId('workspace', told('workspaceId'));
  const apiKeyId = parseId('apiKey', told('apiKeyId'));
  if (organizationId === undefined || workspaceId === undefined || apiKeyId === undefined) {
    throw new Error('whose credit?');
  }
  return { organizationId, workspaceId, apiKeyId };
}

async function stop(): Promise<void> {
  await worker.close();
  await node.close();
  await pool.close();
  process.disconnect();
}
