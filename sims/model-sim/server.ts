import { hash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Answer, composeAnswer, messageOf } from './answer.ts';
import { answerBatches } from './batch-wire.ts';
import { Batches } from './batches.ts';
import { sendHtml, sendRedirect, sendTruncated, sendWithExtra } from './broken-http.ts';
import { type Call, CallLog } from './calls.ts';
import { Containers } from './containers.ts';
import { Files, uploadBytesMax } from './files.ts';
import { isModel, modelById, modelPage } from './models.ts';
import { sendRefusal } from './refusals.ts';
import { leftEarly, pause, sendError, sendHalf, sendJson, sendStream } from './reply.ts';
import { type MessagesRequest, readMessagesRequest, roughTokens } from './request.ts';
import { onRetry, readScenario, type Scenario } from './scenario.ts';
import { planStream } from './stream.ts';

/** Largest body of a Messages call: the limit of the API this simulator stands for. */
const bodyBytesMax = 32 * 1024 * 1024;
const batchBytesMax = 256 * 1024 * 1024;
const batchesPath = '/v1/messages/batches';
/** Every beta is named after its day. */
const betaName = /^[a-z0-9-]+-\d{4}-\d{2}-\d{2}$/;

/**
 * Starts the model simulator. Port 0 takes any free port; the answer's `url` has no final slash.
 * Rejects when the address cannot be listened on.
 */
export async function startModelSim(options: {
  host: string;
  port: number;
}): Promise<{ url: string; close(): Promise<void> }> {
  const calls = new CallLog();
  const kept = { batches: new Batches(), files: new Files(), containers: new Containers() };
  const server = createServer((req, res) => {
    handle(req, res, calls, kept).catch((fault: unknown) => {
      process.emitWarning(fault instanceof Error ? fault : String(fault));
      res.destroy();
    });
  });
  // Scenarios may be slow on purpose; a pooled connection must outlive the pauses of a test.
  server.requestTimeout = 0;
  server.keepAliveTimeout = 120_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : options.port;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** What calls leave behind for later ones. */
interface Kept {
  readonly batches: Batches;
  readonly files: Files;
  readonly containers: Containers;
}

async function handle(
  req: IncomingMessage,
  res: ServerResponse,
  calls: CallLog,
  { batches, files, containers }: Kept,
): Promise<void> {
  const target = req.url ?? '/';
  const query = target.indexOf('?');
  const path = query === -1 ? target : target.slice(0, query);
  if (path === '/_sim/calls') return control(req, res, calls);
  const inBatches = path === batchesPath || path.startsWith(`${batchesPath}/`);
  const ofFiles = path === '/v1/files' || path.startsWith('/v1/files/');
  const bytesMax = ofFiles ? uploadBytesMax : inBatches ? batchBytesMax : bodyBytesMax;
  const body = await readBody(req, bytesMax);
  if (body === 'gone') return;
  if (body === 'too_large') {
    return sendError(res, 'request_too_large', 'Request exceeds the maximum size', 'req_sim_large');
  }
  const scenarioHeader = headerOf(req, 'x-sim-scenario');
  const bodyHash = body.length === 0 ? null : hash('sha256', body, 'hex');
  const digest = hash('sha256', `${scenarioHeader ?? ''}\n${path}\n${bodyHash ?? ''}`, 'hex');
  const requestId = `req_sim${digest.slice(0, 24)}`;
  const method = req.method ?? 'GET';
  const call = calls.record({ method, path, headers: req.headers, bodyHash });
  noticeAbort(res, call);

  const refused = refusedCredential(req);
  if (refused !== null) return sendError(res, 'authentication_error', refused, requestId);
  const version = headerOf(req, 'anthropic-version');
  if (version === undefined) {
    const message = 'anthropic-version: header is required';
    return sendError(res, 'invalid_request_error', message, requestId);
  }
  const unexpected = unexpectedBetas(headerOf(req, 'anthropic-beta'));
  if (unexpected !== null) {
    return sendError(res, 'invalid_request_error', unexpected, requestId);
  }
  if (ofFiles) return files.answer(req, res, body, requestId);
  if (method === 'GET' && path === '/v1/models') return sendJson(res, 200, modelPage, requestId);
  if (method === 'GET' && path.startsWith('/v1/models/')) {
    const id = path.slice('/v1/models/'.length);
    const model = modelById(id);
    if (model === null) return sendError(res, 'not_found_error', `model: ${id}`, requestId);
    return sendJson(res, 200, model, requestId);
  }
  if (inBatches) {
    const rest = path.slice(batchesPath.length + 1);
    const asked = new URLSearchParams(query === -1 ? '' : target.slice(query));
    const manner = headerOf(req, 'x-sim-batch');
    const call = { method, rest, body, version, manner, query: asked };
    return answerBatches(res, batches, call, scenarioHeader, requestId);
  }
  const counting = path === '/v1/messages/count_tokens';
  if (path !== '/v1/messages' && !counting) {
    const message = 'The requested resource could not be found.';
    return sendError(res, 'not_found_error', message, requestId);
  }
  if (method !== 'POST') {
    return sendError(res, 'method_not_allowed', 'Method Not Allowed', requestId);
  }
  const read = readMessagesRequest(body, version, counting);
  if (read.kind === 'invalid') {
    return sendError(res, 'invalid_request_error', read.message, requestId);
  }
  const { model } = read.request;
  if (!isModel(model)) return sendError(res, 'not_found_error', `model: ${model}`, requestId);
  const { container } = read.request;
  if (container !== null && !containers.knows(container)) {
    return sendError(res, 'not_found_error', `container: ${container}`, requestId);
  }
  if (counting) {
    const counted = JSON.stringify({ input_tokens: roughTokens(read.request.bodyBytes) });
    return sendJson(res, 200, counted, requestId);
  }
  const outcome = readScenario(scenarioHeader);
  if (outcome.kind === 'malformed') {
    return sendError(res, 'invalid_request_error', outcome.message, requestId);
  }
  const retries = Number.parseInt(headerOf(req, 'x-stainless-retry-count') ?? '0', 10);
  const scenario = onRetry(outcome.scenario, retries);
  const answer = composeAnswer(read.request, scenario, digest);
  containers.keep(answer, digest, files);
  await play(res, read.request, scenario, answer, requestId);
}

/** Plays one scenario for one valid request. */
async function play(
  res: ServerResponse,
  request: MessagesRequest,
  scenario: Scenario,
  answer: Answer,
  requestId: string,
): Promise<void> {
  const firstMs = scenario.numbers.get('first_ms') ?? 0;
  if (firstMs > 0) await pause(res, firstMs);
  if (res.destroyed) return;
  if (sendRefusal(res, scenario, requestId)) return;
  switch (scenario.name) {
    case 'html':
      return sendHtml(res, scenario);
    case 'redirect':
      return sendRedirect(res, scenario, requestId);
    case 'hang':
      // Without `after`, not even the headers come; with it, a stream falls silent in the middle.
      if (!request.stream || !scenario.numbers.has('after')) return;
      break;
    default:
      break;
  }
  const chunkMs = scenario.numbers.get('chunk_ms') ?? 0;
  if (request.stream) return sendStream(res, planStream(answer, scenario), chunkMs, requestId);
  if (scenario.name === 'overloaded_midstream') {
    return sendError(res, 'overloaded_error', 'Overloaded', requestId);
  }
  const waitMs = chunkMs * (scenario.numbers.get('chunks') ?? 0);
  if (waitMs > 0) await pause(res, waitMs);
  if (res.destroyed) return;
  const untold = scenario.name === 'no_stop' ? { ...answer, stopReason: null } : answer;
  const body = JSON.stringify(messageOf(untold));
  if (scenario.name === 'cut_midstream') return sendHalf(res, body, requestId);
  if (scenario.name === 'truncated_json') return sendTruncated(res, body, requestId);
  if (scenario.name === 'extra_response') return sendWithExtra(res, body, requestId);
  sendJson(res, 200, body, requestId);
}

function control(req: IncomingMessage, res: ServerResponse, calls: CallLog): void {
  req.resume();
  if (req.method === 'DELETE' && req.url?.endsWith('?over=true') === true) {
    sendJson(res, 200, JSON.stringify(calls.take()), 'req_sim_control');
    return;
  }
  if (req.method === 'DELETE') {
    sendJson(res, 200, JSON.stringify({ deleted: calls.clear() }), 'req_sim_control');
    return;
  }
  sendJson(res, 200, JSON.stringify({ data: calls.list() }), 'req_sim_control');
}

function noticeAbort(res: ServerResponse, call: Call): void {
  res.on('close', () => {
    if (leftEarly(res)) call.aborted = true;
    call.over = true;
  });
}

/** Any made-up key will do; one that looks real has no business in a simulator. */
function refusedCredential(req: IncomingMessage): string | null {
  const bearer = headerOf(req, 'authorization');
  const key = headerOf(req, 'x-api-key') || bearer?.replace(/^bearer\s+/i, '');
  if (key === undefined || key === '') return 'x-api-key header is required';
  if (!key.startsWith('sk-ant-')) return null;
  return 'This is a simulator: keep real keys away from it and send any made-up key instead.';
}

/** What the API says of beta features it has never heard of; null if it has. */
function unexpectedBetas(header: string | undefined): string | null {
  const asked = (header ?? '').split(',').map((name) => name.trim());
  const unknown = asked.filter((name) => name !== '' && !betaName.test(name));
  if (unknown.length === 0) return null;
  const named = unknown.map((name) => `\`${name}\``).join(', ');
  return (
    `Unexpected value(s) ${named} for the \`anthropic-beta\` header. Please consult our ` +
    'documentation at platform.claude.com/docs or try again without the header.'
  );
}

function headerOf(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

function readBody(req: IncomingMessage, bytesMax: number): Promise<Buffer | 'gone' | 'too_large'> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    req.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > bytesMax) {
        parts.length = 0;
        resolve('too_large');
        return;
      }
      parts.push(part);
    });
    req.on('end', () => resolve(parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts)));
    req.on('close', () => resolve('gone'));
  });
}
