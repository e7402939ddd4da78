import type { ServerResponse } from 'node:http';
import { answerHeaders } from './headers.ts';
import { sendRaw } from './reply.ts';
import type { Scenario } from './scenario.ts';

const htmlPage =
  '<!doctype html><html><head><title>Bad gateway</title></head>' +
  '<body><h1>Bad gateway</h1></body></html>\n';

/** A page of something in front of the API, which knows nothing of its errors. */
export function sendHtml(res: ServerResponse, scenario: Scenario): void {
  const status = scenario.numbers.get('status') ?? 502;
  res.writeHead(status, { 'content-type': 'text/html; charset=utf-8' });
  res.end(htmlPage);
}

/** Sends the caller elsewhere; whoever follows carries its key along. */
export function sendRedirect(res: ServerResponse, scenario: Scenario, requestId: string): void {
  const location = scenario.texts.get('location') ?? '/_sim/landed';
  const status = scenario.numbers.get('status') ?? 307;
  sendRaw(res, status, '{"moved":true}', requestId, { location });
}

/** Complete as HTTP, broken as JSON: the announced length is that of the half. */
export function sendTruncated(res: ServerResponse, body: string, requestId: string): void {
  sendRaw(res, 200, body.slice(0, body.length >> 1), requestId, {});
}

/** The answer, and after it on the same connection one more that nobody asked for. */
export function sendWithExtra(res: ServerResponse, body: string, requestId: string): void {
  const { socket } = res;
  const foreign = '{"type":"message","content":[{"type":"text","text":"of somebody else"}]}';
  const head =
    'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n' +
    `content-length: ${Buffer.byteLength(foreign)}\r\n\r\n`;
  res.writeHead(200, {
    ...answerHeaders(requestId),
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  res.end(body, () => socket?.write(head + foreign));
}
