import type { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';

const FIRST_BYTES = 65_536;

/** As the framework says it of its own bodies. */
class Unreceived extends Error {
  readonly statusCode: number;
  readonly code: string;

  constructor(statusCode: number, code: string) {
    super(code);
    this.statusCode = statusCode;
    this.code = code;
  }
}

/**
 * Receives a body into one piece of memory, which is filled as it comes. A body of hundreds of
 * megabytes that is put together from its parts takes twice its size, and everybody waits for the
 * copy. Memory that was announced and never came was never touched, so it costs nothing.
 */
export function inOnePiece(
  payload: Readable,
  announced: number,
  bytesMax: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let body = Buffer.allocUnsafeSlow(Math.min(announced > 0 ? announced : FIRST_BYTES, bytesMax));
    let bytes = 0;

    function over(settle: () => void): void {
      payload.off('data', take).off('end', whole).off('error', broken).off('close', broken);
      settle();
    }
    function take(chunk: Buffer): void {
      if (bytes + chunk.length > bytesMax) {
        const tooLarge = new Unreceived(413, 'FST_ERR_CTP_BODY_TOO_LARGE');
        over(() => reject(tooLarge));
        return;
      }
      if (bytes + chunk.length > body.length) {
        const room = Math.max(bytes + chunk.length, body.length * 2);
        const larger = Buffer.allocUnsafeSlow(Math.min(room, bytesMax));
        body.copy(larger, 0, 0, bytes);
        body = larger;
      }
      bytes += chunk.copy(body, bytes);
    }
    function whole(): void {
      over(() => resolve(body.subarray(0, bytes)));
    }
    function broken(): void {
      over(() => reject(new Unreceived(400, 'BODY_BROKE_OFF')));
    }
    payload.on('data', take).on('end', whole).on('error', broken).on('close', broken);
  });
}

/** A parser for any type of content: of a body in an encoding nobody has said how long it gets. */
export const receiveInOnePiece = (request: FastifyRequest, payload: Readable): Promise<Buffer> => {
  const encoded = payload !== request.raw;
  const announced = encoded ? 0 : Number.parseInt(request.headers['content-length'] ?? '0', 10);
  return inOnePiece(payload, announced, request.routeOptions.bodyLimit);
};
