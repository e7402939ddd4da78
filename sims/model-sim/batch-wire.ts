import type { ServerResponse } from 'node:http';
import type { BatchCall, Batches } from './batches.ts';
import { sendHtml } from './broken-http.ts';
import { sendError, sendHalf, sendJson } from './reply.ts';
import { readScenario } from './scenario.ts';

/** Answers a call about batches, or fails it as `x-sim-scenario` asks. */
export function answerBatches(
  res: ServerResponse,
  batches: Batches,
  call: BatchCall,
  scenarioHeader: string | undefined,
  requestId: string,
): void {
  const asked = scenarioHeader === undefined ? undefined : readScenario(scenarioHeader);
  switch (asked?.kind === 'scenario' ? asked.scenario.name : undefined) {
    case 'error_400': {
      const message = 'The simulator was asked for a 400.';
      sendError(res, 'invalid_request_error', message, requestId);
      return;
    }
    case 'error_500':
      sendError(res, 'api_error', 'Internal server error', requestId);
      return;
    case 'overloaded':
      sendError(res, 'overloaded_error', 'Overloaded', requestId);
      return;
    case 'html':
      if (asked?.kind === 'scenario') sendHtml(res, asked.scenario);
      return;
    case 'hang':
      return;
    default:
      break;
  }
  const answer = batches.answer(call);
  switch (answer.kind) {
    case 'json':
      sendJson(res, 200, JSON.stringify(answer.body), requestId);
      return;
    case 'invalid':
      sendError(res, 'invalid_request_error', answer.message, requestId);
      return;
    case 'not_found':
      sendError(res, 'not_found_error', answer.message, requestId);
      return;
    case 'results':
      if (answer.cut) {
        sendHalf(res, answer.body, requestId);
        return;
      }
      res.writeHead(200, { 'content-type': 'application/x-jsonl', 'request-id': requestId });
      res.end(answer.body);
  }
}
