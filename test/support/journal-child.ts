// A process that holds, and on a line from its driver settles, until it is killed.
import { createInterface } from 'node:readline';
import { openJournal } from '#charging/journal';
import { localDisk } from '#charging/journal-disk';
import { startOf } from '#db/embedded/alive';
import { parseId } from '#kernel/ids';
import { systemClock, systemEntropy } from '#src/system';
import { chargingOn, hold, newRequest, recordOf, usd } from '#test/ledger-world';

const [url = '', folder = '', org = '', workspace = '', key = '', count = '0', leaseMs = '0'] =
  process.argv.slice(2);
const organizationId = parseId('organization', org);
const workspaceId = parseId('workspace', workspace);
const apiKeyId = parseId('apiKey', key);
if (organizationId === undefined || workspaceId === undefined || apiKeyId === undefined) {
  throw new Error('a child needs a payer');
}
const payer = { organizationId, workspaceId, apiKeyId };

const silent = { info() {}, warn() {}, error() {} };
const { charging } = chargingOn(url, {
  leaseMs: Number(leaseMs),
  lane: { statementTimeoutMs: 1_000 },
});
const journal = await openJournal({
  disk: await localDisk(folder),
  settle: (command) => charging.settle(command),
  clock: systemClock,
  entropy: systemEntropy,
  owner: { pid: process.pid, began: startOf(process.pid) ?? '0' },
  lives: ({ pid, began }) => startOf(pid) === began,
  log: silent,
});

const tell = (line: string): void => void process.stdout.write(`${line}\n`);
const requests = Array.from({ length: Number(count) }, newRequest);
const held = await Promise.all(requests.map((id) => hold(charging, payer, usd('0.5'), id)));
if (held.some(({ outcome }) => outcome !== 'held')) throw new Error('not held');
tell('held');

async function settleAll(): Promise<void> {
  for (const requestId of requests) {
    void journal
      .settle({
        organizationId: payer.organizationId,
        requestId,
        resolution: 'settle',
        cost: usd('0.25'),
        record: recordOf(payer),
      })
      .then(({ outcome }) => tell(`${requestId} ${outcome}`));
    // Spread over several writes, so that a kill finds some done and others not.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const lines = createInterface({ input: process.stdin });
lines.on('line', () => void settleAll());
lines.on('close', () => process.exit(0));
