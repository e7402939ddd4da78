import Stripe from 'stripe';

/** What somebody does at the processor without us: in its dashboard, or for a card's owner. */
export function apiAt(url: string, secretKey: string): Stripe {
  const { protocol, hostname, port } = new URL(url);
  const plain = protocol === 'http:';
  return new Stripe(secretKey, {
    host: hostname,
    port: port === '' ? (plain ? 80 : 443) : port,
    protocol: plain ? 'http' : 'https',
    telemetry: false,
    maxNetworkRetries: 2,
  });
}
