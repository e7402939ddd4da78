import { expect, test } from 'vitest';
import { type Environment, parseConfig } from '#src/config';
import { targetPolicyOf } from '#src/start/webhook-terms';

function terms(environment: Environment) {
  const parsed = parseConfig(environment);
  return parsed.outcome === 'valid' ? parsed.config.webhooks : parsed.problems;
}

test('events go to port 443 unless an operator opens the two others', () => {
  expect(terms({})).toEqual({ ports: [443], loopback: undefined });
  expect(terms({ BURSAR_WEBHOOK_PORTS: '443, 8443 80' })).toMatchObject({ ports: [443, 8443, 80] });
  expect(terms({ BURSAR_WEBHOOK_PORTS: '443,22' })).toEqual([
    {
      variable: 'BURSAR_WEBHOOK_PORTS',
      found: '"443,22"',
      expected: 'a list of 443, 8443 and 80, such as "443, 8443"',
    },
  ]);
});

test('this machine is sent to where everything is simulated, or where an operator says so', () => {
  const loopback = (said: Environment, simulated: boolean) => {
    const parsed = parseConfig(said);
    if (parsed.outcome !== 'valid') throw new Error('invalid');
    return targetPolicyOf(parsed.config.webhooks, simulated).loopback;
  };
  expect([loopback({}, true), loopback({}, false)]).toEqual([true, false]);
  expect(loopback({ BURSAR_WEBHOOKS_TO_LOOPBACK: 'off' }, true)).toBe(false);
  expect(loopback({ BURSAR_WEBHOOKS_TO_LOOPBACK: 'on' }, false)).toBe(true);
});
