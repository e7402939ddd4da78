import { beforeEach, describe, expect, test } from 'vitest';
import { type KeyDoor, keyDoor } from '#gateway/auth';
import { type Clock, manualClock } from '#kernel/clock';
import { createApiKey } from '#orgs/api-keys';
import type { FoundKey } from '#orgs/key-lookup';
import { systemEntropy } from '#src/system';

const pepper = Buffer.from('pepper of the tests');
const good: FoundKey = {
  organizationId: 'org_1',
  workspaceId: 'wrkspc_1',
  apiKeyId: 'apikey_1',
  kind: 'workspace',
  status: 'active',
  organizationStatus: 'active',
};

let clock: Clock & { advance(ms: number): void };
let door: KeyDoor;
let headers: { 'x-api-key': string };
let lookups: number;
let failures: number;
/** What the store says now, and what it waits for before it says it. */
let stored: FoundKey | undefined | 'away';
let pace: Promise<void>;

beforeEach(async () => {
  clock = manualClock(new Date('2026-11-21T12:00:00Z'));
  [lookups, failures, stored, pace] = [0, 0, good, Promise.resolve()];
  const unsaved = { query: async () => [] };
  const terms = { organizationId: 'org_1', workspaceId: 'wrkspc_1', name: 'key' } as const;
  const made = await createApiKey(
    unsaved,
    { entropy: systemEntropy, pepper },
    { ...terms, kind: 'workspace', createdBy: null },
  );
  headers = { 'x-api-key': made.key };
  door = keyDoor({
    async find() {
      lookups += 1;
      const said = stored;
      await pace;
      if (said === 'away') throw new Error('the store is away');
      return said;
    },
    pepper,
    clock,
    onLookupFailed: () => {
      failures += 1;
    },
  });
});

async function ask(): Promise<string> {
  const answer = await door.authenticate(headers);
  return answer.outcome === 'authenticated' ? 'authenticated' : answer.code;
}

/** Lets a lookup that nobody waits for come back. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a good key', () => {
  test('is looked up once for a burst', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => door.authenticate(headers)));
    expect(new Set(answers.map(({ outcome }) => outcome))).toEqual(new Set(['authenticated']));
    expect(lookups).toBe(1);
  });

  test('in steady use is looked up twice a second, and nobody waits for it', async () => {
    for (let ms = 0; ms < 10_000; ms += 10) {
      expect(await ask()).toBe('authenticated');
      await settled();
      clock.advance(10);
    }
    expect(lookups).toBeGreaterThan(10);
    expect(lookups).toBeLessThanOrEqual(1 + 10_000 / 450);
  });

  test('is answered from memory while the lookup behind it is slow', async () => {
    await ask();
    clock.advance(500);
    let release = (): void => {};
    pace = new Promise((resolve) => {
      release = resolve;
    });
    expect(await ask()).toBe('authenticated');
    expect(await ask()).toBe('authenticated');
    expect(lookups).toBe(2);
    release();
  });
});

describe.each<[string, FoundKey | undefined, string]>([
  ['revoked', { ...good, status: 'revoked' }, 'invalid_api_key'],
  ['disabled', { ...good, status: 'inactive' }, 'invalid_api_key'],
  ['expired', { ...good, status: 'expired' }, 'invalid_api_key'],
  ['paused', { ...good, status: 'paused' }, 'api_key_paused'],
  [
    'of a suspended organization',
    { ...good, organizationStatus: 'suspended' },
    'organization_suspended',
  ],
])('a key that is now %s', (_state, found, code) => {
  test('is refused within a second, however it is used', async () => {
    await ask();
    stored = found;
    for (const pause of [1, 449, 450, 99]) {
      clock.advance(pause);
      await ask();
      await settled();
    }
    expect(await ask()).toBe(code);
  });

  test('is refused after a second in which nobody used it', async () => {
    await ask();
    stored = found;
    clock.advance(1_000);
    expect(await ask()).toBe(code);
  });

  test('is refused a second later, though what was read before came in late', async () => {
    let release = (): void => {};
    pace = new Promise((resolve) => {
      release = resolve;
    });
    const early = ask();
    stored = found;
    clock.advance(800);
    release();
    expect(await early).toBe('authenticated');
    clock.advance(200);
    pace = Promise.resolve();
    expect(await ask()).toBe(code);
  });

  test('is good again at once when it is good again', async () => {
    stored = found;
    expect(await ask()).toBe(code);
    stored = good;
    expect(await ask()).toBe('authenticated');
  });
});

test('while the store is away a key is believed as long as ever, and no longer', async () => {
  await ask();
  stored = 'away';
  clock.advance(899);
  expect(await ask()).toBe('authenticated');
  await settled();
  clock.advance(1);
  expect(await ask()).toBe('ledger_unavailable');
  expect(failures).toBe(2);
});
