import type { Question } from '../../conformance/oracle.mjs';

/** What a counter can say that is not the count: nothing, no count, or another count. */
const WRONG: readonly unknown[] = [undefined, null, -1, 0.5, '3', 0, 2 ** 60];

/** The row with one thing broken: each number of the answer, each event of a stream. */
export function* brokenOnce(row: Question): Generator<readonly [string, Question]> {
  const { answer, batch_result, events } = row;
  for (const [how, broken] of brokenNumbers(answer, 'answer'))
    yield [how, { ...row, answer: broken }];
  for (const [how, broken] of brokenNumbers(batch_result, 'batch_result')) {
    yield [how, { ...row, batch_result: broken }];
  }
  if (events === undefined) return;
  for (const [index, event] of events.entries()) {
    for (const [how, broken] of brokenNumbers(event, `events[${index}]`)) {
      yield [how, { ...row, events: events.with(index, { type: event.type, ...broken }) }];
    }
    const before = events[index - 1];
    // Without its start nothing says who answered; no published rule tells what iterations then mean.
    if (before !== undefined) {
      yield [`event ${index} lost`, { ...row, events: events.toSpliced(index, 1) }];
      const swapped = events.with(index, before).with(index - 1, event);
      if (index > 1) yield [`event ${index} too early`, { ...row, events: swapped }];
    }
    yield [`event ${index} twice`, { ...row, events: events.toSpliced(index, 0, event) }];
    if (index > 0) yield [`cut before event ${index}`, { ...row, events: events.slice(0, index) }];
  }
}

function* brokenNumbers(value: unknown, where: string): Generator<readonly [string, object]> {
  if (typeof value !== 'object' || value === null) return;
  for (const [name, item] of Object.entries(value)) {
    const place = `${where}.${name}`;
    for (const [how, other] of wrongInstead(item, place)) {
      const rest = Object.entries(value).filter(([key]) => key !== name);
      const entries = other === undefined ? rest : [...rest, [name, other] as const];
      yield [
        how,
        Array.isArray(value) ? value.with(Number(name), other) : Object.fromEntries(entries),
      ];
    }
  }
}

function* wrongInstead(item: unknown, place: string): Generator<readonly [string, unknown]> {
  if (typeof item !== 'number') return yield* brokenNumbers(item, place);
  for (const wrong of [...WRONG, 2 * item]) yield [`${place} = ${String(wrong)}`, wrong];
}
