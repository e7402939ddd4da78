// A process that works one step of a purchase and is killed with SIGKILL at a step it is told.
import { type Db, openPool, type Pool } from '#db/pool';
import { parseId } from '#kernel/ids';
import { parseUsd } from '#kernel/money';
import type { PaymentsDeps } from '#payments/deps';
import { beginPurchase, cancelPurchase } from '#payments/purchases';
import { settlePayment } from '#payments/settle';
import { stripePorts } from '#payments/stripe-ports';
import { systemClock, systemEntropy } from '#src/system';

const told = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`a mortal needs ${name}`);
  return value;
};

const dieAt = Number.parseInt(told('MORTAL_DIES_AT'), 10);
let step = 0;

/** One more thing is done; nothing runs after the last. */
function done(): void {
  step += 1;
  if (step < dieAt) return;
  process.kill(process.pid, 'SIGKILL');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

async function counted<T>(work: Promise<T>): Promise<T> {
  const result = await work;
  done();
  return result;
}

/** Every statement is a step, and so is every commit. */
function countingPool(pool: Pool): Pool {
  const counting = (db: Db): Db => ({ query: (statement) => counted(db.query(statement)) });
  return {
    ...counting(pool),
    transaction: (work) => counted(pool.transaction((tx) => work(counting(tx)))),
    close: () => pool.close(),
  };
}

/** Every call that was answered is a step: the answer is lost with the process. */
function countingProcessor(processor: PaymentsDeps['processor']): PaymentsDeps['processor'] {
  return {
    ...processor,
    createCustomer: (request) => counted(processor.createCustomer(request)),
    createCheckout: (request) => counted(processor.createCheckout(request)),
    expireCheckout: (id, key) => counted(processor.expireCheckout(id, key)),
    retrieveCheckout: (id) => counted(processor.retrieveCheckout(id)),
    retrievePayment: (id) => counted(processor.retrievePayment(id)),
  };
}

const pool = openPool({ url: told('DATABASE_URL'), name: 'mortal', max: 2 });
const access = { secretKey: told('MORTAL_KEY'), apiUrl: told('MORTAL_PROCESSOR') };
const ports = stripePorts(access);
const deps: PaymentsDeps = {
  ...ports,
  pool: countingPool(pool),
  processor: countingProcessor(ports.processor),
  clock: systemClock,
  entropy: systemEntropy,
  urls: { console: 'http://127.0.0.1:4000' },
  environment: 'test',
};

const TASKS: Readonly<Record<string, () => Promise<unknown>>> = {
  begin() {
    const organizationId = parseId('organization', told('MORTAL_ORG'));
    const amount = parseUsd('5');
    if (organizationId === undefined || amount === undefined) throw new Error('no such purchase');
    const nonce = told('MORTAL_NONCE');
    const asked = { organizationId, amount, trigger: 'manual', actor: 'user_test', nonce } as const;
    return beginPurchase(deps, asked);
  },
  settle: () => settlePayment(deps, told('MORTAL_PAYMENT'), 'webhook'),
  cancel: () => cancelPurchase(deps, told('MORTAL_PURCHASE')),
};

const task = TASKS[told('MORTAL_TASK')];
if (task === undefined) throw new Error('a mortal needs a task it knows');
await task();
await pool.close();
process.stdout.write(`${step}\n`);
