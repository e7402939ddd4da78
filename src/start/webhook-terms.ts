import type { TargetPolicy } from '#outgoing-webhooks/target';
import type { EnvironmentReader } from '#src/start/environment';

/** To which servers events may be sent, as configured. */
export interface WebhookTerms {
  readonly ports: readonly number[];
  /** Undefined: where everything is simulated. */
  readonly loopback: boolean | undefined;
}

/** Whatever else listens on a customer's machines is not asked to speak our language. */
const PORTS = ['443', '8443', '80'];
const PORTS_EXPECTED = 'a list of 443, 8443 and 80, such as "443, 8443"';

export function readWebhookTerms(read: EnvironmentReader): WebhookTerms {
  const loopback = read.oneOf(
    'BURSAR_WEBHOOKS_TO_LOOPBACK',
    ['on', 'off', 'auto'] as const,
    'auto',
  );
  return {
    ports: readPorts(read),
    loopback: loopback === 'auto' ? undefined : loopback === 'on',
  };
}

function readPorts(read: EnvironmentReader): readonly number[] {
  const text = read.text('BURSAR_WEBHOOK_PORTS') ?? '443';
  const listed = text.split(/[\s,]+/).filter((port) => port !== '');
  if (listed.length > 0 && listed.every((port) => PORTS.includes(port))) {
    return listed.map((port) => Number.parseInt(port, 10));
  }
  read.problem('BURSAR_WEBHOOK_PORTS', text, PORTS_EXPECTED);
  return [443];
}

/** A developer's own receiver is on the machine of the simulators. */
export const targetPolicyOf = (terms: WebhookTerms, simulated: boolean): TargetPolicy => ({
  ports: new Set(terms.ports),
  loopback: terms.loopback ?? simulated,
});
