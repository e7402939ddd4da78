import { InvalidArgumentError } from 'commander';
import {
  addDiscount,
  cancelDiscount,
  type GrantedDiscount,
  listDiscounts,
} from '#catalog/discounts';
import { type Answer, done, failed, OPERATOR, type System, table } from '#cli/answer';
import { unknownOrganization } from '#cli/organization';
import { timeOption } from '#cli/time-option';
import type { Verbs } from '#cli/verbs';
import { newId, parseId } from '#kernel/ids';
import { COMPONENT_KINDS, type ComponentKind, type Factor, type PriceBook } from '#pricing/book';

interface AddOptions {
  org: string;
  percent: Factor;
  model?: string;
  on?: ComponentKind[];
  from?: Date;
  until?: Date;
  reason: string;
}

const HUNDRED = 100n;

/** "12.5" percent off is 875/1000 of the price: exact, whatever the number of decimals. */
function percentOff(text: string): Factor {
  const match = /^(\d{1,2})(?:\.(\d{1,6}))?$/.exec(text);
  const [, whole = '', fraction = ''] = match ?? [];
  const scale = 10n ** BigInt(fraction.length);
  const off = match === null ? 0n : BigInt(whole + fraction);
  if (off === 0n) {
    throw new InvalidArgumentError('Use a percentage above 0 and below 100, such as 12.5.');
  }
  return { numerator: HUNDRED * scale - off, denominator: HUNDRED * scale };
}

function components(text: string): ComponentKind[] {
  return text.split(',').map((name) => {
    const kind = COMPONENT_KINDS.find((known) => known === name);
    if (kind === undefined) {
      throw new InvalidArgumentError(`Use a list of ${COMPONENT_KINDS.join(', ')}.`);
    }
    return kind;
  });
}

const discountJson = (discount: GrantedDiscount) => ({
  id: discount.id,
  organization_id: discount.organizationId,
  model: discount.model,
  pays: `${discount.factor.numerator}/${discount.factor.denominator}`,
  applies_to: [...discount.appliesTo],
  from: discount.from.toISOString(),
  until: discount.until?.toISOString() ?? null,
  reason: discount.reason,
  cancelled_at: discount.cancelledAt?.toISOString() ?? null,
});

async function add(system: System, options: AddOptions): Promise<Answer> {
  const refusal = await unknownOrganization(system, options.org);
  const organizationId = parseId('organization', options.org);
  if (refusal !== undefined || organizationId === undefined) {
    return refusal ?? failed('organization_not_found', `There is no organization ${options.org}.`);
  }
  const { from = null, until = null } = options;
  if (from !== null && until !== null && until <= from) {
    return failed('invalid_span', '--until must be after --from.');
  }
  const { prices, now } = await system.latestPrices();
  if (until !== null && from === null && until <= now) {
    return failed('invalid_span', `--until is over: it is ${now.toISOString()} already.`);
  }
  const model = options.model === undefined ? null : modelOf(prices.book, options.model);
  if (model === undefined) {
    const { version } = prices.book;
    return failed('model_not_priced', `--model ${options.model} is not in price book ${version}.`);
  }
  const added = await addDiscount(system.pool, {
    ...{ id: newId('discount', system.entropy), organizationId, model, from, until },
    ...{ factor: options.percent, appliesTo: options.on ?? null },
    ...{ reason: options.reason, by: OPERATOR },
  });
  const { discount } = added;
  if (added.outcome === 'overlaps') {
    const message =
      `${discount.id} is for the same model, kinds and time (${words(discount)}); discounts are ` +
      `never added up. Cancel it first (bursar discount cancel ${discount.id}), or choose another ` +
      'span with --from and --until.';
    return failed('discount_overlaps', message);
  }
  return done(discountJson(discount), `${discount.id}: ${words(discount)}`);
}

/** A discount is kept under the model's own name, so that it holds whatever name a request uses. */
const modelOf = ({ rows }: PriceBook, name: string): string | undefined =>
  rows.find((row) => row.model === name || row.aliases.includes(name))?.model;

const words = (d: GrantedDiscount): string =>
  [
    `pays ${d.factor.numerator}/${d.factor.denominator}`,
    `of ${d.model ?? 'all models'}`,
    `from ${d.from.toISOString()}`,
    ...(d.until === null ? [] : [`until ${d.until.toISOString()}`]),
    ...(d.cancelledAt === null ? [] : [`cancelled ${d.cancelledAt.toISOString()}`]),
  ].join(' ');

async function list(system: System, options: { org: string }): Promise<Answer> {
  const refusal = await unknownOrganization(system, options.org);
  if (refusal !== undefined) return refusal;
  const discounts = await listDiscounts(system.pool, options.org);
  const rows = discounts.map((d) => [d.id, words(d), d.reason]);
  const text = rows.length === 0 ? 'no discounts' : table(rows);
  return done({ data: discounts.map(discountJson) }, text);
}

async function cancel(system: System, id: string): Promise<Answer> {
  const cancelled = await cancelDiscount(system.pool, id, OPERATOR);
  switch (cancelled.outcome) {
    case 'unknown_discount':
      return failed('discount_not_found', `There is no discount ${id}.`);
    case 'already_cancelled':
      return done(discountJson(cancelled.discount), `${id} had been cancelled already.`);
    case 'cancelled':
      return done(discountJson(cancelled.discount), `${id}: ${words(cancelled.discount)}`);
  }
}

export function addDiscountVerbs({ program, onSystem }: Verbs): void {
  const discount = program.command('discount').description('what a contract takes off the list');
  discount
    .command('add')
    .description('an organization pays less, from its next request or a day on')
    .requiredOption('--org <id>', 'whose')
    .requiredOption('--percent <number>', 'off the list price, such as 12.5', percentOff)
    .option('--model <id>', 'of this model only; it goes before a discount on all models')
    .option('--on <kinds>', `of these only: ${COMPONENT_KINDS.join(',')}`, components)
    .option('--from <time>', 'not before', timeOption)
    .option('--until <time>', 'no longer then', timeOption)
    .requiredOption('--reason <text>', 'the contract, for whoever asks later')
    .action(onSystem(add));
  discount
    .command('list')
    .description('every discount of an organization, past ones too')
    .requiredOption('--org <id>', 'whose')
    .action(onSystem(list));
  discount
    .command('cancel <id>')
    .description('end a discount now; what was admitted before keeps it')
    .action(onSystem(cancel));
}
