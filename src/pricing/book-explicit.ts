import type { ExplicitRates } from './book.ts';
import { Fields, isNothing, shown } from './book-fields.ts';
import type { Path, Report } from './book-problem.ts';
import { type RatesContext, readRates } from './book-rates.ts';

const SETTINGS = [
  ['speed', 'fast'],
  ['region', 'us'],
  ['tier', 'batch'],
] as const;
/** Every set of settings but the empty one. */
const EXPLICIT_MAX = 2 ** SETTINGS.length - 1;

/** Reads `explicit`: prices for ways of serving. Undefined if something in it was wrong. */
export function readExplicit(fields: Fields, context: RatesContext): ExplicitRates[] | undefined {
  if (!fields.has('explicit') || isNothing(fields.raw('explicit'))) return [];
  const value = fields.raw('explicit');
  if (!Array.isArray(value)) {
    return fields.problem('explicit', `a list of rates is expected, ${shown(value)} found`);
  }
  if (value.length > EXPLICIT_MAX) {
    return fields.problem('explicit', `there are no more than ${EXPLICIT_MAX} ways of serving`);
  }
  const read: { readonly rates: ExplicitRates; readonly path: Path }[] = [];
  for (const [index, item] of value.entries()) {
    const inner = Fields.of(item, [...fields.at('explicit'), index], fields.report);
    if (inner === undefined) continue;
    const rates = readSettings(inner);
    const bands = readRates(inner, context);
    inner.close();
    if (rates !== undefined && bands !== undefined)
      read.push({ rates: { ...rates, bands }, path: inner.path });
  }
  reportAmbiguous(read, fields.report);
  return read.length < value.length ? undefined : read.map(({ rates }) => rates);
}

function readSettings(fields: Fields): Omit<ExplicitRates, 'bands'> | undefined {
  const wrong = SETTINGS.find(
    ([name, only]) => fields.has(name) && !isNothing(fields.raw(name)) && fields.raw(name) !== only,
  );
  if (wrong !== undefined) {
    const [name, only] = wrong;
    return fields.problem(
      name,
      `${only} is the one that can be named, ${shown(fields.raw(name))} found`,
    );
  }
  const named = (name: string): boolean => fields.has(name) && !isNothing(fields.raw(name));
  const rates = {
    speed: named('speed') ? ('fast' as const) : null,
    region: named('region') ? ('us' as const) : null,
    tier: named('tier') ? ('batch' as const) : null,
  };
  if (SETTINGS.some(([name]) => rates[name] !== null)) return rates;
  fields.report(
    fields.path,
    'names no way of serving; give speed: fast, region: us or tier: batch',
  );
  return undefined;
}

/** Two that match a request equally well would leave the price to chance. */
function reportAmbiguous(
  entries: readonly { readonly rates: ExplicitRates; readonly path: Path }[],
  report: Report,
): void {
  const masks = entries.map(({ rates }) =>
    SETTINGS.reduce((mask, [name], bit) => (rates[name] === null ? mask : mask | (1 << bit)), 0),
  );
  for (const [index, { path }] of entries.entries()) {
    for (const [before, { path: other }] of entries.slice(0, index).entries()) {
      const [one = 0, two = 0] = [masks[index], masks[before]];
      if (one === two) report(path, 'is given twice', other);
      // One of the two that names all the other names, or a third that does, decides.
      if (masks.includes(one | two)) continue;
      const fix = 'add rates that name the settings of both';
      report(path, `fits a request as well as another entry does; ${fix}`, other);
    }
  }
}
