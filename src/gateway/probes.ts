import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';

const hello = z.object({ message: z.literal('hello') }).meta({ id: 'Hello' });

/**
 * What known clients ask, with GET or HEAD, to see that there is somebody at a base URL. They take
 * anything but a success for an outage. Needs no key and says nothing.
 */
const PATHS = ['/', '/api/hello'] as const;

export function registerProbes(app: FastifyInstance): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  for (const path of PATHS) {
    typed.get(path, {
      schema: { summary: 'Whether somebody is there', tags: ['Probes'], response: { 200: hello } },
      handler: () => ({ message: 'hello' as const }),
    });
  }
}
