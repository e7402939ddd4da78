import type { NanoUsd } from '#kernel/money';
import type { Purchase, Report } from './reports.ts';

/** What one ending of a request asked for. */
export interface Attempt {
  readonly resolution: 'settle' | 'void';
  readonly cost: NanoUsd;
  readonly loss: NanoUsd;
}

/** Everything the driver was told about one request, in order. */
export interface RequestTruth {
  readonly id: string;
  readonly org: string;
  /** Of the hold: the last answer; undefined while none came. */
  asked: string | undefined;
  readonly attempts: Attempt[];
  readonly answers: { readonly outcome: string; readonly charged: NanoUsd | undefined }[];
}

export interface GrantTruth {
  readonly purchase: Purchase;
  readonly answers: { readonly outcome: string; readonly grant: string | undefined }[];
}

/** Outcomes after which nobody knows, or nothing is promised. */
const OPEN_ENDED = new Set(['ledger_unavailable', 'unknown_hold', 'rejected']);

/** The driver's own ledger of what nodes were told. It never looks into the database. */
export class Truth {
  readonly requests = new Map<string, RequestTruth>();
  readonly grants = new Map<string, GrantTruth>();
  readonly surprises: string[] = [];

  /** Purchases nodes are about to be told of: each may be booked once, or not at all. */
  expect(purchases: readonly Purchase[]): void {
    for (const purchase of purchases) this.grants.set(purchase.source, { purchase, answers: [] });
  }

  hear(report: Report): void {
    switch (report.t) {
      case 'asks':
        this.requests.set(report.id, {
          ...{ id: report.id, org: report.org, asked: undefined },
          ...{ attempts: [], answers: [] },
        });
        return;
      case 'asked':
        this.#request(report.id).asked = report.outcome;
        return;
      case 'resolves':
        this.#request(report.id).attempts.push(report);
        return;
      case 'resolved':
        this.#request(report.id).answers.push({ ...report, charged: report.charged });
        return;
      case 'granted':
        this.grants.get(report.source)?.answers.push({ ...report, grant: report.grant });
        return;
      case 'trouble':
        this.surprises.push(report.why);
        return;
      case 'ready':
      case 'rested':
        return;
    }
  }

  #request(id: string): RequestTruth {
    const found = this.requests.get(id);
    if (found === undefined) throw new Error(`${id} was answered before it was asked`);
    return found;
  }
}

/** The answers that promise something, journaled ones included. */
export const promises = (request: RequestTruth): RequestTruth['answers'] =>
  request.answers.filter(({ outcome }) => !OPEN_ENDED.has(outcome));

export const acknowledged = (request: RequestTruth): boolean => promises(request).length > 0;

/** Delivered on the word of a journal alone. */
export const journaled = (request: RequestTruth): boolean =>
  request.answers.some(({ outcome }) => outcome === 'journaled');

/** Tried, and nobody was told how it ended: the hold or its ending. */
export const unknown = (request: RequestTruth): boolean =>
  !acknowledged(request) &&
  (request.attempts.length > 0 ||
    request.asked === undefined ||
    request.asked === 'held' ||
    request.asked === 'ledger_unavailable');
