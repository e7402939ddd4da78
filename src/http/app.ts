import type { Socket } from 'node:net';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import { serializerCompiler, validatorCompiler } from 'fastify-type-provider-zod';
import { type Documentation, serveOpenApi } from '#http/openapi';
import { reasonOf } from '#http/reasons';
import { type LoggerOptions, requestLogger } from '#http/request-log';
import { routeMethods } from '#http/route-methods';
import { errorEnvelope, type RefusalCode, type WireError, wireError } from '#http/wire-errors';
import { Fault } from '#kernel/assert';
import { type Entropy, newId } from '#kernel/ids';
import { isObject } from '#kernel/json';

export interface AppOptions {
  readonly entropy: Entropy;
  readonly logger: LoggerOptions;
  readonly about: Documentation;
  /** Largest request body in bytes. */
  readonly bodyLimit?: number;
  /**
   * True for an edge with an error format or a not-found page of its own: it sets both handlers.
   * Otherwise failures wear the Messages API's envelope.
   */
  readonly ownErrors?: boolean;
}

// A client that trickles its head or its body holds a socket and memory: fault T30.
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 120_000;
// Longer than the idle time of common load balancers, so that they close first and not we.
const KEEP_ALIVE_TIMEOUT_MS = 65_000;

/**
 * An HTTP server with what every edge needs: a request id on every answer, a log without secrets,
 * validation by zod, OpenAPI, and timeouts against slow clients. It does not listen yet.
 */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const app = Fastify({
    logger: requestLogger(options.logger),
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: () => newId('request', options.entropy),
    requestIdHeader: false,
    bodyLimit: options.bodyLimit ?? 1_048_576,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    http: {
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: 5_000,
      insecureHTTPParser: false,
    },
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket, options.entropy),
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.addHook('onSend', async (request, reply, payload) => {
    reply.header('request-id', request.id);
    return payload;
  });
  if (options.ownErrors !== true) speakWireErrors(app);
  await serveOpenApi(app, options.about);
  return app;
}

function speakWireErrors(app: FastifyInstance): void {
  const methodsOf = routeMethods(app);
  const sendUnrouted = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const [path = ''] = request.url.split('?');
    const methods = methodsOf(path);
    if (methods.length > 0) reply.header('allow', methods.join(', '));
    const code = methods.length > 0 ? 'method_not_allowed' : 'not_found';
    const error = wireError(code, { requestId: request.id });
    return reply.code(error.status).headers(error.headers).send(error.body);
  };
  app.setNotFoundHandler(sendUnrouted);
  // Nobody has shown a key for a path that is not there: its body is not read.
  app.addHook('preParsing', (request, reply, payload, done) => {
    if (request.is404) sendUnrouted(request, reply);
    else done(null, payload);
  });
  app.setErrorHandler((failure: FastifyError, request, reply) => {
    const error = wireErrorOf(failure, request);
    return reply.code(error.status).headers(error.headers).send(error.body);
  });
}

/** Turns what was thrown into a refusal; an unexpected one is logged and shown as a plain 500. */
function wireErrorOf(failure: FastifyError, request: FastifyRequest): WireError {
  const requestId = request.id;
  const status = failure.statusCode ?? 500;
  if (failure.code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return wireError('request_too_large', { requestId });
  }
  const reason = reasonOf(failure) ?? invalidField(failure, request);
  if (reason !== undefined) return wireError('invalid_request', { requestId, message: reason });
  if (status >= 400 && status < 500) return wireError('invalid_request', { requestId });
  request.log.error({ err: failure }, 'request failed');
  const message = failure instanceof Fault ? failure.publicMessage : undefined;
  return wireError('internal', { requestId, ...(message === undefined ? {} : { message }) });
}

const SHOWN_MAX = 80;

/** The first field that is not as its schema says: its name, and what was found if that is told. */
function invalidField(failure: FastifyError, request: FastifyRequest): string | undefined {
  const [first] = failure.validation ?? [];
  if (first === undefined) return undefined;
  const steps = first.instancePath.split('/').slice(1);
  const [name = ''] = steps;
  const said = first.message ?? 'not valid';
  if (failure.validationContext !== 'querystring' || !said.startsWith('expected ')) {
    return steps.length === 0 ? said : `${steps.join('.')}: ${said}`;
  }
  const found = isObject(request.query) ? request.query[name] : undefined;
  const shown = found === undefined ? 'nothing' : JSON.stringify(found).slice(0, SHOWN_MAX);
  return `${name}: found ${shown}, ${said}`;
}

/** A request too broken, too big in its head or too slow to reach a route. */
function answerBrokenRequest(
  error: Error & { code?: string },
  socket: Socket,
  from: Entropy,
): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const late = error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
  const code: RefusalCode = late ? 'request_timed_out' : 'invalid_request';
  const requestId = newId('request', from);
  const body = errorEnvelope(code, { requestId });
  const status = late ? '408 Request Timeout' : '400 Bad Request';
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\nrequest-id: ${requestId}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
    // A half-open peer would keep the socket for ever.
    () => socket.destroy(),
  );
}
