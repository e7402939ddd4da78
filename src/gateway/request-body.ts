import type { Readable, Transform } from 'node:stream';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib';
import type { preParsingHookHandler, RequestPayload } from 'fastify';
import { sendRefusal } from '#gateway/guard';
import { noteReason } from '#http/reasons';

/** Encodings of a request body that are undone here; the upstream gets what was encoded. */
const DECODERS: Readonly<Record<string, () => Transform>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

// Of a body that is too large, what is read and thrown away so that its sender hears the refusal
// and not a broken connection.
const HEARD_OUT_BYTES_MAX = 134_217_728;

/**
 * Undoes the encoding of a body before it is read, priced and forwarded. The limit of a route is on
 * decoded bytes, and decoding stops there: a bomb costs what an honest body of that size costs.
 */
export const decodeBody: preParsingHookHandler = (request, reply, payload, done) => {
  const { bodyLimit } = request.routeOptions;
  const declared = Number.parseInt(request.headers['content-length'] ?? '0', 10);
  if (declared > bodyLimit) {
    if (declared > HEARD_OUT_BYTES_MAX) reply.header('connection', 'close');
    sendRefusal(request, reply, 'request_too_large');
    return;
  }
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity' || request.method === 'GET') {
    return done(null, payload);
  }
  const decoder = Object.hasOwn(DECODERS, encoding) ? DECODERS[encoding] : undefined;
  // What cannot be read cannot be priced; forwarding it unread would be a free call.
  if (decoder === undefined) return void sendRefusal(request, reply, 'encoding_unknown');
  const body = decoded(payload, decoder(), bodyLimit);
  body.once('error', (failure: Error) => noteReason(failure, undecodable(encoding)));
  done(null, body);
};

/** Names the header, for the body itself is seldom what its sender looks at. */
function undecodable(encoding: string): string {
  const format = encoding === 'deflate' ? 'deflate (in the zlib format)' : encoding;
  return (
    `content-encoding: found a body that is no ${format} or breaks off, expected ${format}. ` +
    'Send the body in that encoding as a whole, or plain and without this header.'
  );
}

/** A body as `decoder` reads it, which ends in the chunk that makes it larger than `bytesMax`. */
export function decoded(encoded: Readable, decoder: Transform, bytesMax: number): RequestPayload {
  let encodedBytes = 0;
  let bytes = 0;
  const count = (chunk: Buffer): void => {
    encodedBytes += chunk.length;
  };
  encoded.on('data', count);
  decoder.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= bytesMax) return;
    encoded.off('data', count);
    encoded.unpipe(decoder);
    decoder.destroy();
  });
  // A client that breaks off: nothing else tells the decoder.
  encoded.once('error', (error) => decoder.destroy(error));
  encoded.pipe(decoder);
  // The framework compares what it was told would come with what did.
  return Object.defineProperty(decoder, 'receivedEncodedLength', { get: () => encodedBytes });
}
