// Starts the system as a person would, pays for one call, and stops it. Every wait is bounded.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { onSuitableNode, root } from '../bin/node-version.mjs';

const START_MS = 120_000;
const STOP_MS = 60_000;
const CALL = {
  model: 'claude-sonnet-4-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Hello' }],
};

let passed = 0;
let failed = 0;

const check = (promise, ok, detail) => {
  if (ok) passed += 1;
  else failed += 1;
  process.stdout.write(`${ok ? 'ok    ' : 'FAILED'}  ${promise}${ok ? '' : `: ${detail}`}\n`);
  if (!ok) throw new Error(promise);
};

const freshEnvironment = () => ({
  ...process.env,
  BURSAR_DATA_DIR: mkdtempSync(join(tmpdir(), 'bursar-smoke-')),
  BURSAR_CONSOLE_PORT: '0',
  BURSAR_GATEWAY_PORT: '0',
  BURSAR_STRIPE_SIM_PORT: '0',
  BURSAR_MODEL_SIM_PORT: '0',
  BURSAR_OPS_PORT: '0',
  BURSAR_DRAIN_SECONDS: '5',
});

const bursarIn =
  (environment) =>
  (...words) => {
    const args = [join(root, 'bin', 'bursar.mjs'), ...words, '--json'];
    const options = { cwd: root, env: environment, encoding: 'utf8', timeout: 30_000 };
    const { status, stdout, stderr } = spawnSync(process.execPath, args, options);
    check(`bursar ${words.slice(0, 2).join(' ')}`, status === 0, stderr);
    return JSON.parse(stdout);
  };

const within = async (ms, condition) => {
  for (let waited = 0; waited < ms; waited += 100) {
    if (condition()) return true;
    await sleep(100);
  }
  return false;
};

const answers = (url) =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), timeout: 2_000 });
    const end = (open) => {
      socket.destroy();
      resolve(open);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(true));
    socket.once('error', () => end(false));
  });

/** Nano-USD of a decimal amount, exactly. */
const nanos = (usd) => {
  const [whole, fraction = ''] = usd.split('.');
  return BigInt(whole) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'));
};

const payForOneCall = async (run, bursar) => {
  const ready = await fetch(`${run.ops}/readyz`, { signal: AbortSignal.timeout(10_000) });
  check('the system says it is ready', ready.status === 200, ready.status);
  const organization = bursar('org', 'create', 'Smoke');
  bursar('grant', '--org', organization.id, '--usd', '5');
  const { key } = bursar('key', 'create', '--org', organization.id);
  const before = bursar('balance', '--org', organization.id);
  const response = await fetch(`${run.gateway}/v1/messages`, {
    method: 'POST',
    headers: {
      'x-api-key': key,
      'anthropic-version': '2023-06-01',
      'content-type': 'application/json',
    },
    body: JSON.stringify(CALL),
    signal: AbortSignal.timeout(30_000),
  });
  const cost = response.headers.get('bursar-cost-usd') ?? '0';
  check(
    'a call is answered',
    response.status === 200,
    `${response.status} ${await response.text()}`,
  );
  const after = bursar('balance', '--org', organization.id);
  const fell = nanos(before.available_usd) - nanos(after.available_usd);
  check('the balance fell by its cost', fell > 0n && fell === nanos(cost), `${fell} and ${cost}`);
  check('the books agree', bursar('ledger', 'verify').ok, 'ledger verify');
};

const main = async () => {
  const environment = freshEnvironment();
  const dataDir = environment.BURSAR_DATA_DIR;
  const npm = spawn('npm', ['start'], { cwd: root, env: environment, stdio: 'inherit' });
  let exit;
  npm.once('exit', (code, signal) => {
    exit = code ?? signal;
  });
  const runFile = join(dataDir, 'run.json');
  try {
    const started = await within(START_MS, () => existsSync(runFile) || exit !== undefined);
    check('npm start runs it', started && exit === undefined, `exit ${exit}`);
    const run = JSON.parse(readFileSync(runFile, 'utf8'));
    await payForOneCall(run, bursarIn(environment));
    npm.kill('SIGTERM');
    const stopped = await within(STOP_MS, () => exit !== undefined && !existsSync(runFile));
    check('SIGTERM ends it', stopped, `exit ${exit}`);
    const { pid: _pid, role: _role, ...urls } = run;
    for (const [name, url] of Object.entries(urls)) {
      check(`nothing is left of ${name}`, !(await answers(url)), url);
    }
  } finally {
    if (exit === undefined) npm.kill('SIGTERM');
    await within(STOP_MS, () => exit !== undefined && !existsSync(runFile));
    rmSync(dataDir, { recursive: true, force: true });
  }
};

if (onSuitableNode(import.meta.url)) {
  await main().catch((error) => {
    if (failed === 0) failed = 1;
    process.stderr.write(`${error.stack}\n`);
  });
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exit(failed === 0 ? 0 : 1);
}
