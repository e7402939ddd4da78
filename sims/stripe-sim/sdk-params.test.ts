import { describe, expect, it } from 'vitest';
import { ROUTES } from './routes.ts';
import { loadSdkParams } from './sdk-params.ts';

const sdk = loadSdkParams();
const addressOf = (method: string, path: string) => `${method} ${path.replace(':child', ':id')}`;

describe('every parameter the simulator takes is one the SDK declares', () => {
  it.each(ROUTES.map(({ method, path, names }) => [addressOf(method, path), names] as const))(
    '%s',
    (address, names) => {
      expect(sdk.addresses).toContain(address);
      expect(sdk.nameProblems(address, names)).toEqual([]);
    },
  );
});

describe('the check itself notices', () => {
  const intents = 'POST /v1/payment_intents';
  const good = [
    ['amount', '500'],
    ['currency', 'usd'],
    ['confirm', 'true'],
    ['metadata[purpose]', 'credit_topup'],
    ['expand[0]', 'latest_charge'],
    ['payment_method_options[card][request_three_d_secure]', 'automatic'],
  ] as const;
  const told = (...changed: readonly (readonly [string, string])[]) =>
    sdk.problems(intents, [...good, ...changed]);

  it('nothing where all is well', () => {
    expect(told()).toEqual([]);
  });

  it('an unknown parameter, at any depth', () => {
    expect(told(['colour', 'red'])).toEqual([`${intents}.colour: unknown parameter`]);
    expect(told(['payment_method_options[card][colour]', 'red'])).toEqual([
      `${intents}.payment_method_options.card.colour: unknown parameter`,
    ]);
    expect(sdk.nameProblems(intents, ['expand.#', 'metadata.*', 'payment_method_types.#'])).toEqual(
      [`${intents}: the SDK declares no payment_method_types.#`],
    );
  });

  it('a value that is none of the known ones, and text for a number', () => {
    expect(told(['setup_future_usage', 'sometimes'])).toHaveLength(1);
    expect(
      sdk.problems(intents, [
        ['currency', 'usd'],
        ['amount', 'much'],
      ]),
    ).toHaveLength(1);
  });

  it('what must be there and is not', () => {
    expect(sdk.problems(intents, [['currency', 'usd']])).toEqual([`${intents}.amount: missing`]);
  });
});
