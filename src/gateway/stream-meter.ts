import type { AdmittedCall } from '#gateway/admit';
import { expectationOf } from '#gateway/desk';
import { LEAST_TOKENS } from '#gateway/hold-rungs';
import { type Counted, outputCounter } from '#gateway/output-count';
import { parsed } from '#gateway/stream';
import { verdict } from '#gateway/verdict';
import { isObject } from '#kernel/json';
import type { NanoUsd } from '#kernel/money';
import { streamFold } from '#metering/fold';
import type { ChargeRule } from '#metering/rules';
import { sseScanner, UNREAD } from '#metering/sse';
import { coverOf, type Slices } from '#pricing/slice';

/** What a stream can have cost by now, at most. */
export interface StreamMeter {
  /** Reads whole events, and says what must be held before they may pass. */
  read(piece: Buffer): NanoUsd;
  readonly outputTokens: number;
  /** It has said why it stopped and what was used: from here on its cost is known. */
  readonly finished: boolean;
  /** The upstream has said that it failed. */
  readonly failed: boolean;
  /**
   * Has the text since the last time counted, where that is worth it, and says what must be held
   * now. Undefined if there is no count.
   */
  recount(
    count: (model: string, text: string) => Promise<number | undefined>,
  ): Promise<Recount | undefined>;
  /** Reads what will not pass. */
  skip(piece: Buffer): void;
  /** By which rule the answer would end, if nothing followed what was read. */
  rule(): ChargeRule;
}

export interface Recount {
  readonly needed: NanoUsd;
  /** Of the count, what is in all pieces but the one that was read last, and what is in that one. */
  readonly before: Counted;
  readonly last: Counted;
}

const END_MARK = Buffer.from('event: message_delta');
/** Counts are estimates by their own description: a sixteenth more is held. */
const COUNT_MARGIN = 16;
/** A text has no more tokens than bytes. What is counted is a message with that text. */
const AROUND_TOKENS = 64;
/** What a delta of each kind carries its text in. */
const TEXT_FIELDS = ['text', 'partial_json', 'thinking'] as const;

export function streamMeter(call: AdmittedCall, slices: Slices): StreamMeter {
  const fold = streamFold(expectationOf(call));
  const output = outputCounter();
  let finished = false;
  let { model } = call;
  let failed = false;
  // Of all pieces but the last, and of that.
  let uncounted: string[] = [];
  let lastTexts: string[] = [];
  // By how much counted text has fewer tokens than bytes.
  let saved = 0;
  let signed = 0;
  const scanner = sseScanner((type, data) => {
    output.event(type);
    const value = data === UNREAD ? null : parsed(data);
    fold.event(type, value);
    if (type === 'message_start') model = modelIn(value) ?? model;
    if (type === 'message_delta' && saysWhyItStopped(value)) finished = true;
    if (type === 'error') failed = true;
  });
  // A signature is no output: it stands for thinking that was not shown, and that is held for.
  const outputTokens = (): number =>
    output.tokensMax() - saved - Math.min(signed, slices.hiddenTokens);
  const cost = (): NanoUsd => {
    const known = { upstreamStatus: 200, clientDisconnected: false };
    return verdict(call, { how: 'answered', folded: fold.end('complete') }, known).command.cost;
  };

  return {
    get outputTokens() {
      return outputTokens();
    },
    get finished() {
      return finished;
    },
    get failed() {
      return failed;
    },
    read(piece) {
      const before = finished;
      uncounted.push(...lastTexts);
      lastTexts = [];
      scanner.push(piece);
      // The last such mark is at or behind the event's own, so that no output goes uncounted.
      if (!before) output.count(finished ? piece.subarray(0, piece.lastIndexOf(END_MARK)) : piece);
      if (finished) return cost();
      for (const delta of deltasIn(piece)) {
        if (typeof delta.signature === 'string') signed += delta.signature.length;
        for (const field of TEXT_FIELDS) {
          const text = delta[field];
          if (typeof text === 'string') lastTexts.push(text);
        }
      }
      return coverOf(slices, outputTokens());
    },
    async recount(count) {
      const [before, last] = [uncounted.join(''), lastTexts.join('')];
      const bytes = Buffer.byteLength(before + last);
      if (finished || bytes < LEAST_TOKENS) return undefined;
      uncounted = [];
      lastTexts = [];
      const told = await count(model, before + last);
      if (told === undefined || told > bytes + AROUND_TOKENS) return undefined;
      const counted = Math.min(told, bytes);
      const tokens = counted + Math.ceil(counted / COUNT_MARGIN);
      saved += Math.max(0, bytes - tokens);
      const lastTokens = Math.round((counted * Buffer.byteLength(last)) / bytes);
      return {
        needed: coverOf(slices, outputTokens()),
        before: { tokens: counted - lastTokens, bytes: jsonBytes(before) },
        last: { tokens: lastTokens, bytes: jsonBytes(last) },
      };
    },
    skip: (piece) => void scanner.push(piece),
    rule: () => fold.end('truncated').rule,
  };
}

/** As it stands between the quotes of its event. */
const jsonBytes = (text: string): number => Buffer.byteLength(JSON.stringify(text)) - '""'.length;

const modelIn = (data: unknown): string | undefined => {
  const message = isObject(data) && isObject(data.message) ? data.message : {};
  return typeof message.model === 'string' ? message.model : undefined;
};

const saysWhyItStopped = (data: unknown): boolean =>
  isObject(data) && isObject(data.delta) && typeof data.delta.stop_reason === 'string';

/** What every delta carries. What is not found here stays counted by its bytes. */
function deltasIn(piece: Buffer): Readonly<Record<string, unknown>>[] {
  const deltas: Readonly<Record<string, unknown>>[] = [];
  for (const line of piece.toString('utf8').split(/\r\n|\n|\r/)) {
    if (!line.startsWith('data:') || !line.includes('content_block_delta')) continue;
    const data = parsed(line.slice('data:'.length));
    if (isObject(data) && isObject(data.delta)) deltas.push(data.delta);
  }
  return deltas;
}
