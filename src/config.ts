import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { USES_MAX } from '#pricing/server-tools';
import type { TierBook } from '#rate-limits/tiers';
import { readTiers, readUpstreams } from '#src/start/configured-files';
import { EnvironmentReader, type Problem, type Secret } from '#src/start/environment';
import { readSelling, type SellingTerms } from '#src/start/selling';
import { readStarterCredit, type StarterCredit } from '#src/start/starter-credit';
import type { UpstreamEntry } from '#src/start/upstreams-file';

export type { Problem, Secret } from '#src/start/environment';

export const ROLES = ['all', 'gateway', 'console', 'worker'] as const;
export type Role = (typeof ROLES)[number];

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

export interface Ports {
  readonly console: number;
  readonly gateway: number;
  readonly stripeSim: number;
  readonly modelSim: number;
  readonly ops: number;
}

/** The environment, parsed once. Secrets show themselves only through `reveal()`. */
export interface Config {
  readonly role: Role;
  readonly host: string;
  readonly ports: Ports;
  readonly dataDir: string;
  readonly runFile: string | undefined;
  readonly drainSeconds: number;
  /** Undefined: the embedded database of the data directory. */
  readonly database: { readonly url: Secret; readonly ownerUrl: Secret } | undefined;
  readonly stripe: {
    /** Undefined: the simulator, or the server at `apiUrl`. */
    readonly secretKey: Secret | undefined;
    readonly webhookSecret: Secret | undefined;
    readonly apiUrl: string | undefined;
  };
  /** On what terms credits are sold. */
  readonly selling: SellingTerms;
  /** Undefined: those of `upstreams`, or the model simulator. */
  readonly upstream: { readonly url: string; readonly key: Secret } | undefined;
  /** A list in a file, which may change while this process runs. */
  readonly upstreams:
    | { readonly file: string; readonly entries: readonly UpstreamEntry[] }
    | undefined;
  /** Undefined: generated in the data directory. */
  readonly keyPepper: Secret | undefined;
  /** What new customers are given; undefined: nothing. */
  readonly starterCredit: StarterCredit | undefined;
  readonly publicConsoleUrl: string | undefined;
  readonly publicGatewayUrl: string | undefined;
  /** Undefined: messages become files in the data directory. */
  readonly smtpUrl: Secret | undefined;
  readonly mailFrom: string;
  /** Addresses of those who run the deployment, for what concerns them alone. */
  readonly operatorMails: readonly string[];
  /** Undefined: the bundled prices. */
  readonly priceBook: string | undefined;
  /** Rate limits of an organization without a tier of its own; "none" for no limits. */
  readonly defaultTier: string;
  /** Undefined: the bundled tiers. */
  readonly tiersFile: string | undefined;
  readonly tiers: TierBook;
  /** Of a server tool without a bound, the uses that are held; 0 refuses such tools (H2). */
  readonly carriedToolUses: number;
  /** Undefined: not set, so messages that follow an API literally keep its words. */
  readonly brand: string | undefined;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly production: boolean;
}

export type ConfigOutcome =
  | { readonly outcome: 'valid'; readonly config: Config }
  | { readonly outcome: 'invalid'; readonly problems: readonly Problem[] };

export type Environment = Readonly<Record<string, string | undefined>>;

const PEPPER_CHARACTERS_MIN = 32;
const NODE_ENVS = ['development', 'production', 'test'] as const;
const DRAIN_SECONDS_MAX = 3_600;

/** Reads every variable before it answers, so that one report names every problem. */
export function parseConfig(
  environment: Environment,
  readFile: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): ConfigOutcome {
  const read = new EnvironmentReader(environment, readFile);
  const role = read.oneOf('BURSAR_ROLE', ROLES, 'all');
  // A typo here would lose the rules of production without a word.
  const production = read.oneOf('NODE_ENV', NODE_ENVS, 'development') === 'production';
  const database = readDatabase(read, role);
  const config: Config = {
    role,
    host: readHost(read),
    ports: readPorts(read),
    dataDir: resolve(read.text('BURSAR_DATA_DIR') ?? '.bursar'),
    runFile: read.text('BURSAR_RUN_FILE'),
    drainSeconds: read.integer('BURSAR_DRAIN_SECONDS', 0, DRAIN_SECONDS_MAX, 30),
    database,
    stripe: readStripe(read, production),
    selling: readSelling(read),
    upstream: readUpstream(read),
    upstreams: readUpstreams(read),
    keyPepper: readPepper(read, production && database !== undefined),
    starterCredit: readStarterCredit(read),
    publicConsoleUrl: read.httpUrl('PUBLIC_CONSOLE_URL'),
    publicGatewayUrl: read.httpUrl('PUBLIC_GATEWAY_URL'),
    smtpUrl: read.secretUrl('SMTP_URL', ['smtp:', 'smtps:']),
    mailFrom: read.text('MAIL_FROM') ?? 'Bursar <bursar@localhost>',
    operatorMails: readOperatorMails(read),
    priceBook: read.readableFile('BURSAR_PRICE_BOOK'),
    ...readTiers(read),
    carriedToolUses: read.integer('BURSAR_UNBOUNDED_TOOL_USES', 0, USES_MAX, 0),
    brand: read.text('BURSAR_BRAND'),
    logLevel: read.oneOf('LOG_LEVEL', LOG_LEVELS, production ? 'info' : 'warn'),
    production,
  };
  if (read.problems.length > 0) return { outcome: 'invalid', problems: read.problems };
  return { outcome: 'valid', config: deepFreeze(config) };
}

const HOST = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$|^[0-9A-Fa-f:]{2,39}$/;

function readHost(read: EnvironmentReader): string {
  const host = read.text('BURSAR_HOST') ?? '127.0.0.1';
  if (!HOST.test(host)) read.problem('BURSAR_HOST', host, 'an address or a host name');
  return host;
}

const ADDRESS = /^[^\s\p{Cc}@<>,]{1,64}@[^\s\p{Cc}@<>,]{1,189}$/u;

function readOperatorMails(read: EnvironmentReader): readonly string[] {
  const given = read.text('BURSAR_OPERATOR_EMAIL') ?? '';
  const all = given.split(',').map((one) => one.trim().toLowerCase());
  const addresses = all.filter((one) => one !== '');
  if (!addresses.every((one) => ADDRESS.test(one))) {
    read.problem('BURSAR_OPERATOR_EMAIL', given, 'one address, or several with commas between');
  }
  return addresses;
}

function readPorts(read: EnvironmentReader): Ports {
  const named = [
    ['BURSAR_CONSOLE_PORT', 4000],
    ['BURSAR_GATEWAY_PORT', 4001],
    ['BURSAR_STRIPE_SIM_PORT', 4002],
    ['BURSAR_MODEL_SIM_PORT', 4003],
    ['BURSAR_OPS_PORT', 4009],
  ] as const;
  const taken = new Map<number, string>();
  const [console = 0, gateway = 0, stripeSim = 0, modelSim = 0, ops = 0] = named.map(
    ([variable, standard]) => {
      const port = read.integer(variable, 0, 65_535, standard);
      const other = taken.get(port);
      if (port !== 0 && other !== undefined) {
        read.problem(variable, String(port), `a port other than that of ${other}`);
      }
      taken.set(port, variable);
      return port;
    },
  );
  return { console, gateway, stripeSim, modelSim, ops };
}

function readDatabase(read: EnvironmentReader, role: Role): Config['database'] {
  const url = read.secretUrl('DATABASE_URL', ['postgres:', 'postgresql:']);
  const ownerUrl = read.secretUrl('DATABASE_OWNER_URL', ['postgres:', 'postgresql:']);
  if (url !== undefined) return { url, ownerUrl: ownerUrl ?? url };
  if (ownerUrl !== undefined) {
    read.problem('DATABASE_URL', undefined, 'a URL, because DATABASE_OWNER_URL is set');
  }
  if (role !== 'all' && !read.failed('DATABASE_URL')) {
    read.problem('DATABASE_URL', undefined, `a URL, because BURSAR_ROLE is "${role}"`);
  }
  return undefined;
}

const WEBHOOK_SECRETS = /^whsec_[^\s,]+(\s*,\s*whsec_[^\s,]+)?$/;
const WEBHOOK_EXPECTED = 'whsec_…, or two with a comma between while one replaces the other';

function readStripe(read: EnvironmentReader, production: boolean): Config['stripe'] {
  const secretKey = read.secret(
    'STRIPE_SECRET_KEY',
    /^(sk|rk)_(test|live)_\w+$/,
    'sk_test_… or sk_live_…',
  );
  const webhookSecret = read.secret('STRIPE_WEBHOOK_SECRET', WEBHOOK_SECRETS, WEBHOOK_EXPECTED);
  // A key of blanks signs anything anyone likes; nothing at all is said by an empty value.
  if (read.isBlank('STRIPE_WEBHOOK_SECRET')) {
    read.problem('STRIPE_WEBHOOK_SECRET', ' ', WEBHOOK_EXPECTED);
  }
  const unverified = secretKey !== undefined && webhookSecret === undefined;
  if (unverified && production && !read.failed('STRIPE_WEBHOOK_SECRET')) {
    const expected = 'whsec_…, because STRIPE_SECRET_KEY is set';
    read.problem('STRIPE_WEBHOOK_SECRET', undefined, expected);
  }
  return { secretKey, webhookSecret, apiUrl: read.httpUrl('STRIPE_API_URL') };
}

function readUpstream(read: EnvironmentReader): Config['upstream'] {
  const url = read.httpUrl('BURSAR_UPSTREAM_URL');
  const key = read.secret('BURSAR_UPSTREAM_KEY', /^[\x21-\x7e]+$/, 'a key without blanks');
  if (url === undefined) {
    if (key !== undefined && !read.failed('BURSAR_UPSTREAM_URL')) {
      read.problem('BURSAR_UPSTREAM_URL', undefined, 'a URL, because BURSAR_UPSTREAM_KEY is set');
    }
    return undefined;
  }
  if (key === undefined) {
    if (!read.failed('BURSAR_UPSTREAM_KEY')) {
      read.problem('BURSAR_UPSTREAM_KEY', undefined, 'a key, because BURSAR_UPSTREAM_URL is set');
    }
    return undefined;
  }
  return { url, key };
}

function readPepper(read: EnvironmentReader, required: boolean): Secret | undefined {
  const enough = new RegExp(`^.{${PEPPER_CHARACTERS_MIN},}$`, 's');
  const expected = `at least ${PEPPER_CHARACTERS_MIN} characters`;
  const pepper = read.secret('BURSAR_KEY_PEPPER', enough, expected);
  if (pepper === undefined && required && !read.failed('BURSAR_KEY_PEPPER')) {
    read.problem(
      'BURSAR_KEY_PEPPER',
      undefined,
      `${expected}, because every process needs the same`,
    );
  }
  return pepper;
}

/** One report for a person: what is wrong, what was found, what was expected. */
export function describeProblems(problems: readonly Problem[]): string {
  const lines = problems.map(
    ({ variable, found, expected }) => `  ${variable}: found ${found}, expected ${expected}`,
  );
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return `The configuration has ${count}:\n${lines.join('\n')}\n`;
}

/** Where a system of this configuration says what it runs. */
export const runFileOf = (config: Pick<Config, 'dataDir' | 'runFile'>): string =>
  resolve(config.runFile ?? join(config.dataDir, 'run.json'));

function deepFreeze<T extends object>(value: T): T {
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null && !Object.isFrozen(inner)) deepFreeze(inner);
  }
  return Object.freeze(value);
}
