import type { BookFile, BookRow, Case } from '../../conformance/oracle.mjs';

const TOKENS = ['input', 'cache_write_5m', 'cache_write_1h', 'cache_read', 'output'];

/** Everything that the corpus has to show at least once, and whether it does. */
export function coverageOf(book: BookFile, cases: readonly Case[]): Map<string, number> {
  const wanted = new Map(dimensions(book).map((dimension) => [dimension, 0]));
  for (const row of cases) {
    for (const dimension of new Set(shownBy(book, row))) {
      const count = wanted.get(dimension);
      if (count !== undefined) wanted.set(dimension, count + 1);
    }
  }
  return wanted;
}

function dimensions(book: BookFile): string[] {
  const rules = Array.from({ length: 18 }, (_, index) => `rule S${index + 1}`);
  const kinds = [...TOKENS, 'web_search', 'code_execution', 'session', 'rounding'];
  const settings = ['none', 'speed', 'region', 'batch', 'discount', 'speed region'];
  return [
    ...rules,
    'rule no price',
    ...['charged', 'free', 'quarantined', 'refused'].map((outcome) => `outcome ${outcome}`),
    ...['answer', 'stream', 'stream cut', 'batch item', 'error status'].map(formOf),
    ...kinds.map((kind) => `line ${kind}`),
    ...[...settings, 'region batch', 'speed region discount'].map((names) => `factors ${names}`),
    ...book.models.flatMap((row) => row.bands.map((_, band) => rowName(row, `band ${band}`))),
    ...book.models.flatMap((row) => row.explicit.map((_, way) => rowName(row, `explicit ${way}`))),
    ...book.models.flatMap((row) => row.aliases.map((alias) => `alias ${alias}`)),
    ...['message', 'compaction', 'advisor_message', 'fallback_message', 'unknown'].map(attemptOf),
    ...stopReasons.map((reason) => `stop reason ${reason}`),
    ...['absent', 'total', 'breakdown', 'both', 'rest', 'contradiction'].map(writesOf),
    ...['up to even', 'down to even', 'down to nothing', 'below one nano'].map(roundingOf),
  ];
}

const stopReasons = [
  'end_turn',
  'max_tokens',
  'stop_sequence',
  'tool_use',
  'pause_turn',
  'refusal',
  'model_context_window_exceeded',
];
const formOf = (form: string): string => `form ${form}`;
const attemptOf = (type: string): string => `attempt ${type}`;
const writesOf = (shape: string): string => `cache writes ${shape}`;
const roundingOf = (way: string): string => `rounding ${way}`;
const rowName = (row: BookRow, part: string): string => `${row.model} from ${row.from} ${part}`;

function* shownBy(book: BookFile, row: Case): Generator<string> {
  yield `rule ${row.rule}`;
  yield `outcome ${row.expect.outcome}`;
  yield formOf(form(row));
  for (const text of [row.asked_model, JSON.stringify(row.answer ?? {})]) {
    for (const { aliases } of book.models) {
      yield* aliases.filter((alias) => text.includes(alias)).map((alias) => `alias ${alias}`);
    }
  }
  const wire = JSON.stringify([row.answer, row.events, row.batch_result]);
  for (const [, reason] of wire.matchAll(/"stop_reason":"(\w+)"/g)) yield `stop reason ${reason}`;
  for (const [, type = ''] of wire.matchAll(
    /\{"type":"(\w+)"(?:,"model":[^,]+)?,"input_tokens"/g,
  )) {
    yield attemptOf(
      /^(message|compaction|advisor_message|fallback_message)$/.test(type) ? type : 'unknown',
    );
  }
  yield* cacheShapes(wire);
  for (const line of row.expect.lines) {
    yield `line ${line.kind}`;
    if (line.multipliers !== undefined) {
      yield `factors ${line.multipliers.map(([name]) => name).join(' ') || 'none'}`;
    }
    yield* pricesUsed(book, row, line.model ?? null, line.kind, line.unit_price_nanos ?? '');
  }
  yield* roundings(row);
}

function form(row: Case): string {
  if (row.status !== undefined) return 'error status';
  if (row.batch_result !== undefined) return 'batch item';
  if (row.events === undefined) return 'answer';
  return row.events.some(({ type }) => type === 'message_stop') ? 'stream' : 'stream cut';
}

function* cacheShapes(wire: string): Generator<string> {
  const total = wire.match(/"cache_creation_input_tokens":(-?\d+)/)?.[1];
  const [, w5, w1] =
    wire.match(/"ephemeral_5m_input_tokens":(\d+),"ephemeral_1h_input_tokens":(\d+)/) ?? [];
  if (total === undefined) yield writesOf(w5 === undefined ? 'absent' : 'breakdown');
  else if (w5 === undefined) yield writesOf('total');
  else {
    const rest = Number(total) - Number(w5) - Number(w1);
    yield writesOf(rest === 0 ? 'both' : rest > 0 ? 'rest' : 'contradiction');
  }
}

/** Which rows and bands of the book a line's price stands in, at the time of the request. */
function* pricesUsed(
  book: BookFile,
  row: Case,
  model: string | null,
  kind: string,
  price: string,
): Generator<string> {
  const at = Date.parse(row.admitted_at);
  for (const entry of book.models) {
    const until = entry.until === null ? Number.POSITIVE_INFINITY : Date.parse(entry.until);
    if (entry.model !== model || at < Date.parse(entry.from) || at >= until) continue;
    for (const [index, band] of entry.bands.entries()) {
      if (band[kind] === price) yield rowName(entry, `band ${index}`);
    }
    for (const [index, way] of entry.explicit.entries()) {
      if (way.bands.some((band) => band[kind] === price)) yield rowName(entry, `explicit ${index}`);
    }
  }
}

function* roundings(row: Case): Generator<string> {
  const rounding = row.expect.lines.find(({ kind }) => kind === 'rounding')?.amount;
  if (rounding === '1/2') yield roundingOf('up to even');
  if (rounding === '-1/2') yield roundingOf('down to even');
  if (rounding === '-1/2' && row.expect.total_nanos === '0') yield roundingOf('down to nothing');
  const small = row.expect.outcome === 'charged' && BigInt(row.expect.total_nanos) <= 1n;
  if (small && rounding !== undefined) yield roundingOf('below one nano');
}
