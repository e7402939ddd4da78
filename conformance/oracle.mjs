#!/usr/bin/env node
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Fraction } from './fraction.mjs';
import { chargedSeconds, price, readBook, readDiscounts, rowAt } from './prices.mjs';
import { readAnswer } from './reading.mjs';

const folder = new URL('./pricing/', import.meta.url);

const loadJson = (address) => JSON.parse(readFileSync(address, 'utf8'));

/** The price book of the corpus, as it is written. */
export const loadBook = () => loadJson(new URL('book.json', folder));

/** Every row of the corpus, with the name of the file it stands in. */
export function loadCases() {
  const files = readdirSync(new URL('cases/', folder)).filter((name) => name.endsWith('.json'));
  return files
    .sort()
    .flatMap((file) =>
      loadJson(new URL(`cases/${file}`, folder)).cases.map((row) => ({ file, ...row })),
    );
}

/** What a row should come to, derived from the book and the answer alone. */
export function judge(book, row) {
  const at = Date.parse(row.admitted_at);
  const asked = rowAt(book, row.asked_model, at);
  const fastIsSold =
    asked !== undefined &&
    (asked.fast !== null || asked.explicit.some(({ speed }) => speed === 'fast'));
  if (asked === undefined || (row.asked_speed === 'fast' && !fastIsSold)) {
    return { outcome: 'refused', total_nanos: '0', list_nanos: '0', lines: [] };
  }
  const read = readAnswer(row, (model) => rowAt(book, model, at)?.contextWindow);
  if (read.outcome !== 'charged') return nothing(read.outcome);
  const usage = { ...read.usage };
  if (row.measured !== undefined) {
    usage.code_execution_seconds = chargedSeconds(book, row.measured);
    usage.session_milliseconds = row.measured.session_ms;
  }
  const priced = price(book, usage, at, readDiscounts(row.discounts));
  return priced === null ? nothing('quarantined') : charged(priced, row.hold);
}

const nothing = (outcome) => ({ outcome, total_nanos: '0', list_nanos: '0', lines: [] });

function charged(priced, hold) {
  const lines = priced.lines.map((line) => ({
    kind: line.kind,
    model: line.model,
    units: String(line.units),
    unit_price_nanos: String(line.unitPrice),
    per: String(line.per),
    multipliers: line.multipliers.map(([name, over, under]) => [name, String(over), String(under)]),
    amount: String(line.amount),
  }));
  const rounding = new Fraction(priced.total).minus(priced.exact);
  if (rounding.numerator !== 0n) lines.push({ kind: 'rounding', amount: String(rounding) });
  return {
    outcome: 'charged',
    total_nanos: String(priced.total),
    list_nanos: String(priced.list),
    ...(priced.upstream === null ? {} : { upstream_nanos: String(priced.upstream) }),
    ...(hold === undefined ? {} : split(priced.total, hold)),
    lines,
  };
}

/** A cost above its hold takes what is free of the customer's credit; the rest is the operator's. */
function split(total, hold) {
  const reachable = BigInt(hold.nanos) + BigInt(hold.available_nanos);
  const paid = total < reachable ? total : reachable;
  return { paid_nanos: String(paid), operator_overrun_nanos: String(total - paid) };
}

/** The exact value of a row's `working`: whole numbers, * / + and parentheses, nothing else. */
export function evaluate(working) {
  const tokens = working.match(/\d+|[()*/+]/g) ?? [];
  if (tokens.join('') !== working.replaceAll(/\s/g, '')) throw new SyntaxError(working);
  let next = 0;
  const sum = () => {
    let value = product();
    while (tokens[next] === '+') {
      next += 1;
      value = value.plus(product());
    }
    return value;
  };
  const product = () => {
    let value = operand();
    while (tokens[next] === '*' || tokens[next] === '/') {
      const divide = tokens[next] === '/';
      next += 1;
      const { numerator, denominator } = operand();
      value = divide ? value.times(denominator, numerator) : value.times(numerator, denominator);
    }
    return value;
  };
  const operand = () => {
    const token = tokens[next];
    next += 1;
    if (token !== '(') return new Fraction(BigInt(token));
    const value = sum();
    next += 1;
    return value;
  };
  return sum();
}

/** Every difference between the corpus and what this oracle derives, as readable lines. */
export function differences(bookData, cases) {
  const book = readBook(bookData);
  return cases.flatMap((row) => {
    const derived = judge(book, row);
    const found = [];
    if (JSON.stringify(derived) !== JSON.stringify(row.expect)) {
      found.push(`${row.id}: derived ${JSON.stringify(derived)}`);
    }
    const working = evaluate(row.working ?? '0');
    const sum = row.expect.lines
      .filter(({ kind }) => kind !== 'rounding')
      .reduce((all, { amount }) => all.plus(Fraction.read(amount)), Fraction.zero);
    if (!working.equals(sum)) found.push(`${row.id}: its working comes to ${working}, not ${sum}`);
    return found;
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const cases = loadCases();
  const found = differences(loadBook(), cases);
  for (const difference of found) console.error(difference);
  console.log(`${cases.length} rows, ${found.length} differences`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
