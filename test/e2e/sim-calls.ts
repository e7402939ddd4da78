import { z } from 'zod';
import type { Product } from '#test/product';

const seenCall = z.object({
  path: z.string(),
  headers: z.record(z.string(), z.string()),
  aborted: z.boolean(),
  over: z.boolean(),
});

export type SeenCall = z.infer<typeof seenCall>;

/** What reached the model since it was last asked to forget. */
export async function modelCalls(product: Product): Promise<readonly SeenCall[]> {
  const answer = await fetch(`${product.run.model_sim}/_sim/calls`);
  return z.object({ data: z.array(seenCall) }).parse(await answer.json()).data;
}

export async function forgetModelCalls(product: Product): Promise<void> {
  await (await fetch(`${product.run.model_sim}/_sim/calls`, { method: 'DELETE' })).body?.cancel();
}
