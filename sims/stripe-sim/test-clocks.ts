import type Stripe from 'stripe';
import { invalid, missing } from './error.ts';
import { emit } from './events.ts';
import { newId } from './ids.ts';
import { page } from './list.ts';
import { PAGE_NAMES } from './params.ts';
import { later } from './schedule.ts';
import { type Call, NO_REQUEST, type Route, type Sim } from './sim.ts';

type Clock = Stripe.TestHelpers.TestClock;

const MONTH = 30 * 24 * 3600;

/**
 * Stripe gives each clock its own customers and leaves the rest in real time. Here one clock moves
 * the whole simulator: it has one business time, and whatever is due by it happens.
 */
function create({ sim, cause, params }: Call): Clock {
  params.required('frozen_time');
  const clock = sim.store.test_clocks.put({
    id: newId(sim, 'clock'),
    object: 'test_helpers.test_clock',
    created: sim.now(),
    deletes_after: sim.now() + MONTH,
    frozen_time: params.integer('frozen_time') ?? sim.now(),
    livemode: false,
    name: params.textOrNull('name'),
    status: 'ready',
    status_details: {},
  });
  emit(sim, cause, 'test_helpers.test_clock.created', clock);
  return clock;
}

export function clockNamed(sim: Sim, id: string, param?: string): Clock {
  const found = sim.store.test_clocks.get(id);
  if (found === undefined) throw missing('test clock', id, param);
  return found;
}

/** Forward only; ready again when all that became due is done. */
function advance({ sim, cause, params, id }: Call): Clock {
  const before = clockNamed(sim, id);
  params.required('frozen_time');
  const target = params.integer('frozen_time') ?? 0;
  if (before.status !== 'ready') {
    throw invalid('The test clock is still advancing.', undefined, 'test_clock_advancing');
  }
  if (target <= before.frozen_time) {
    throw invalid('A test clock can only move forward.', 'frozen_time');
  }
  const ahead = target - before.frozen_time;
  const clock = sim.store.test_clocks.put({
    ...before,
    frozen_time: target,
    status: 'advancing',
    status_details: { advancing: { target_frozen_time: target } },
  });
  emit(sim, cause, 'test_helpers.test_clock.advancing', clock);
  const settings = sim.settings();
  const offset = settings.clock_offset_ms + ahead * 1000;
  sim.store.settings.put({ ...settings, clock_offset_ms: offset });
  later(sim, 'clock_ready', id, 0);
  return clock;
}

export function clockReady(sim: Sim, id: string): void {
  const before = sim.store.test_clocks.get(id);
  if (before?.status !== 'advancing') return;
  const ready = { ...before, status: 'ready' as const, status_details: {} };
  emit(sim, NO_REQUEST, 'test_helpers.test_clock.ready', sim.store.test_clocks.put(ready));
}

function remove({ sim, cause, id }: Call): object {
  const clock = clockNamed(sim, id);
  sim.store.test_clocks.remove(id);
  emit(sim, cause, 'test_helpers.test_clock.deleted', clock);
  return { id, object: 'test_helpers.test_clock', deleted: true };
}

const PATH = '/v1/test_helpers/test_clocks';

export const testClockRoutes: Route[] = [
  { method: 'POST', path: PATH, names: ['frozen_time', 'name', 'expand.#'], run: create },
  {
    method: 'GET',
    path: PATH,
    names: PAGE_NAMES,
    run: (call) => page(call, PATH, call.sim.store.test_clocks.newestFirst()),
  },
  {
    method: 'GET',
    path: `${PATH}/:id`,
    names: ['expand.#'],
    run: ({ sim, id }) => clockNamed(sim, id),
  },
  {
    method: 'POST',
    path: `${PATH}/:id/advance`,
    names: ['frozen_time', 'expand.#'],
    run: advance,
  },
  { method: 'DELETE', path: `${PATH}/:id`, names: [], run: remove },
];
