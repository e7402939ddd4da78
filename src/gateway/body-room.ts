import type { onRequestAsyncHookHandler } from 'fastify';
import { sendRefusal } from '#gateway/guard';

/**
 * Bounds what the bodies of a route take of this process's memory, all requests together, from
 * before the first byte until the answer is over. What is too much at the moment is refused to be
 * tried again; a body that is alone always fits. A length that nobody announces is the largest.
 */
export function bodyRoom(bytesMax: number): onRequestAsyncHookHandler {
  let taken = 0;
  return async (request, reply) => {
    const { headers, routeOptions } = request;
    const length =
      headers['content-encoding'] === undefined ? headers['content-length'] : undefined;
    const announced = length === undefined ? routeOptions.bodyLimit : Number.parseInt(length, 10);
    const bytes = Math.min(announced, routeOptions.bodyLimit);
    if (taken > 0 && taken + bytes > bytesMax) {
      reply.header('connection', 'close');
      return sendRefusal(request, reply, 'overloaded');
    }
    taken += bytes;
    reply.raw.once('close', () => {
      taken -= bytes;
    });
    return undefined;
  };
}
