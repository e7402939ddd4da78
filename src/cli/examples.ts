import type { Command } from 'commander';

/** What `--help` of a verb says beyond its options. */
interface Told {
  /** In what its values are counted; absent where it takes and tells none. */
  readonly units?: string;
  /** To be pasted into a shell: ids are its variables. */
  readonly example: string;
}

const USD = 'Amounts are US dollars, with up to nine decimals: 5, 2.50, 0.000001.';
const TIMES =
  'Times are RFC 3339, such as 2026-11-21T13:00:00Z; a date is its first moment in UTC.';
const MONTHLY = `${USD}\nA limit counts a calendar month in UTC.`;
const PER_MINUTE = 'Limits are requests or tokens a minute.';
const PER_MILLION = 'Prices are US dollars for a million tokens, unless it says for what.';
const ORG = '--org "$ORG"';

/** By the words of the verb. Each verb has its line here. */
export const EXAMPLES: Readonly<Record<string, Told>> = {
  start: {
    units: 'Ports are numbers, 0 for any free one; BURSAR_DRAIN_SECONDS is seconds.',
    example: 'BURSAR_GATEWAY_PORT=8080 bursar start',
  },
  'org create': { example: 'bursar org create "Acme" --owner-email ada@example.com' },
  'org list': { example: 'bursar org list --json' },
  'org suspend': { example: 'bursar org suspend "$ORG" --reason "unpaid invoice 12"' },
  'org resume': { example: 'bursar org resume "$ORG"' },
  'org holds': { example: 'bursar org holds "$ORG" --policy sliced' },
  'org tier': { units: PER_MINUTE, example: 'bursar org tier "$ORG" --tier build' },
  'workspace list': { example: `bursar workspace list ${ORG}` },
  'workspace create': { example: `bursar workspace create "Staging" ${ORG}` },
  'key create': {
    units: `${TIMES}\nA lifetime is hours (h) or days (d).`,
    example: `bursar key create ${ORG} --name "staging" --expires 30d`,
  },
  'key list': { units: TIMES, example: `bursar key list ${ORG}` },
  'key disable': { example: 'bursar key disable "$KEY"' },
  'key enable': { example: 'bursar key enable "$KEY"' },
  'key resume': { example: 'bursar key resume "$KEY"' },
  'spend-watch show': { units: `${USD}\n${TIMES}`, example: `bursar spend-watch show ${ORG}` },
  'spend-watch set': { example: `bursar spend-watch set ${ORG} --action pause` },
  'key revoke': { example: 'bursar key revoke "$KEY"' },
  'grant give': {
    units: `${USD}\n${TIMES}`,
    example: `bursar grant ${ORG} --usd 2.50 --expires 2027-01-31 --reason "welcome"`,
  },
  'grant void': {
    units: USD,
    example: `bursar grant void "$GRANT" ${ORG} --reason "given twice"`,
  },
  balance: { units: `${USD}\n${TIMES}`, example: `bursar balance ${ORG} --as-of 2026-11-01` },
  'limit set': {
    units: MONTHLY,
    example: `bursar limit set ${ORG} --usd 200 --action notify_and_pause`,
  },
  'limit list': { units: MONTHLY, example: `bursar limit list ${ORG}` },
  'limit changes': { units: MONTHLY, example: `bursar limit changes ${ORG}` },
  'rate-limit set': {
    units: PER_MINUTE,
    example:
      `bursar rate-limit set ${ORG} --workspace "$WORKSPACE" --class opus-5 --kind requests ` +
      '--per-minute 60',
  },
  'rate-limit list': { units: PER_MINUTE, example: `bursar rate-limit list ${ORG}` },
  'price list': { units: `${PER_MILLION}\n${TIMES}`, example: 'bursar price list --at 2026-11-01' },
  'price show': { units: `${PER_MILLION}\n${TIMES}`, example: 'bursar price show claude-opus-5' },
  'price import': { units: PER_MILLION, example: 'bursar price import prices.yaml --dry-run' },
  'price export': { units: PER_MILLION, example: 'bursar price export --format csv' },
  'price versions': { units: TIMES, example: 'bursar price versions' },
  'price use': { example: 'bursar price use "$VERSION"' },
  'price margin': {
    units: `${USD}\n${TIMES}`,
    example: 'bursar price margin --from 2026-11-01 --until 2026-12-01',
  },
  'discount add': {
    units: `Percent are of the list price.\n${TIMES}`,
    example: `bursar discount add ${ORG} --percent 12.5 --reason "contract 7"`,
  },
  'discount list': {
    units: 'Shown is the part that is paid.',
    example: `bursar discount list ${ORG}`,
  },
  'discount cancel': { example: 'bursar discount cancel "$DISCOUNT"' },
  'purchase show': { units: USD, example: 'bursar purchase show "$PURCHASE"' },
  'request show': { units: USD, example: 'bursar request show "$REQUEST"' },
  'refund make': {
    units: USD,
    example: 'bursar refund --purchase "$PURCHASE" --usd 2.50 --reason "bought twice"',
  },
  'refund show': { units: USD, example: 'bursar refund show "$REFUND"' },
  'refund list': { units: USD, example: 'bursar refund list' },
  'payment list': { units: USD, example: 'bursar payment list' },
  'payment credit': {
    units: USD,
    example: `bursar payment credit "$PAYMENT" ${ORG} --reason "wrong account"`,
  },
  'payment refund': {
    units: USD,
    example: 'bursar payment refund "$PAYMENT" --reason "for another product"',
  },
  'dispute list': { units: USD, example: 'bursar dispute list --open' },
  'dispute resume': { example: 'bursar dispute resume "$DISPUTE" --reason "settled by phone"' },
  'warning resume': { example: 'bursar warning resume "$WARNING" --reason "known customer"' },
  'warning list': { units: TIMES, example: 'bursar warning list' },
  reconcile: { units: `${USD}\n${TIMES}`, example: 'bursar reconcile --from 2026-11-01' },
  'batch list': { units: TIMES, example: `bursar batch list ${ORG}` },
  'batch show': { units: USD, example: 'bursar batch show "$BATCH"' },
  'ledger verify': { example: 'bursar ledger verify --full' },
  'ledger export': {
    units: `${USD}\n${TIMES}`,
    example: `bursar ledger export ${ORG} --format csv --from 2026-11-01 > statement.csv`,
  },
  'clock show': { units: TIMES, example: 'bursar clock show' },
  'clock advance': {
    units: 'A span is a whole number of seconds (s), minutes (m), hours (h) or days (d).',
    example: 'bursar clock advance 366d',
  },
  'sign-in-link': { example: 'bursar sign-in-link --email ada@example.com' },
  'db url': { example: 'DATABASE_URL="$(bursar db url)" BURSAR_ROLE=gateway bursar start' },
  migrate: { example: 'bursar migrate' },
  doctor: { example: 'bursar doctor' },
};

/** The verbs that do something, by their words. */
export function verbsOf(command: Command, before: readonly string[] = []): [string, Command][] {
  return command.commands.flatMap((one): [string, Command][] => {
    const words = [...before, one.name()];
    return one.commands.length === 0 ? [[words.join(' '), one]] : verbsOf(one, words);
  });
}

/** `bursar grant --usd 5` gives: what most people look for under the name of the group. */
export const IMPLIED: ReadonlySet<string> = new Set(['grant give', 'refund make']);

/** To be called once every verb is there. */
export function addExamples(program: Command): void {
  for (const [words, verb] of verbsOf(program)) {
    const told = EXAMPLES[words];
    if (told === undefined) continue;
    const units = told.units === undefined ? '' : `\n${told.units}\n`;
    const text = `${units}\nExample:\n  ${told.example}`;
    verb.addHelpText('after', text);
    if (!IMPLIED.has(words)) continue;
    verb.parent?.addHelpText('after', () => `\n${verb.helpInformation()}${text}`);
  }
}
