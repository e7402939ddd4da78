import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type GatewayRunFile,
  joinGateway,
  type Product,
  type Running,
  startProduct,
} from '#test/product';
import { startSwarm } from './swarm.ts';

const STREAMS = 1_000;
const SEED = 20_261_121;

let product: Product;
let second: Running<GatewayRunFile>;

beforeAll(async () => {
  product = await startProduct();
  second = await joinGateway(product);
}, 120_000);
afterAll(async () => {
  try {
    await second?.stop();
  } finally {
    await product?.stop();
  }
});

test('1,000 streams cut anywhere over two nodes: paid for is what the model delivered', async () => {
  const gateways = [product.run.gateway, second.run.gateway];
  const swarm = await startSwarm(product, gateways, { seed: SEED, payers: 4 });
  try {
    await swarm.run(STREAMS);
    const result = await swarm.settle();
    expect(result.charged).toEqual(result.expected);
    expect(result.broken).toEqual([]);
    // Or it would prove nothing.
    expect(result.opened).toBe(STREAMS);
    expect(result.cut).toBeGreaterThan(STREAMS / 10);
    expect(result.calls).toBeGreaterThan(STREAMS / 2);
    expect(result.expected.every((amount) => amount > 0n)).toBe(true);
  } finally {
    swarm.close();
  }
}, 240_000);
