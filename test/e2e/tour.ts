import { execFile } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { cleanEnvironment, type Product, root } from '#test/product';

/** One block of a document that readers paste, and what they are told to expect of it. */
export interface Stop {
  /** Line of the document at which the block begins. */
  readonly line: number;
  readonly script: string;
  /** The `text` block that follows it before any other command; null if there is none. */
  readonly expected: string | null;
}

export interface Visited {
  readonly exitCode: number;
  /** What each block that was run to its end printed. */
  readonly outputs: readonly string[];
  readonly stderr: string;
}

const TOUR_MS = 110_000;
const MARK = '----bursar-tour-stop----';
const FENCE = /^(```+)(.*)$/;

/** Collects the blocks fenced as `sh tour`, in order, each with the `text` block after it. */
export function readTour(document: string): Stop[] {
  const stops: Stop[] = [];
  const lines = document.split('\n');
  let expecting = false;
  for (let at = 0; at < lines.length; at += 1) {
    const fence = FENCE.exec(lines[at] ?? '');
    if (fence === null) {
      // A new section begins something else.
      if (/^#{1,6} /.test(lines[at] ?? '')) expecting = false;
      continue;
    }
    const begin = at + 1;
    do at += 1;
    while (at < lines.length && lines[at]?.trim() !== fence[1]);
    const text = lines.slice(begin, at).join('\n');
    const kind = fence[2]?.trim();
    const last = stops.at(-1);
    if (kind === 'sh tour') stops.push({ line: begin, script: text, expected: null });
    else if (kind === 'text' && expecting && last !== undefined) {
      stops.splice(-1, 1, { ...last, expected: text });
    }
    expecting = kind === 'sh tour';
  }
  return stops;
}

/** The document speaks of the default ports; this product listens on others. */
export function withPortsOf(product: Product, text: string): string {
  const { console: pages, gateway, stripe_sim, model_sim, ops } = product.run;
  const ports = new Map([
    ['4000', pages],
    ['4001', gateway],
    ['4002', stripe_sim],
    ['4003', model_sim],
    ['4009', ops],
  ]);
  return text.replace(/(127\.0\.0\.1|localhost):(400[01239])\b/g, (found, host, port) => {
    const url = ports.get(String(port));
    return url === undefined ? found : `${host}:${new URL(url).port}`;
  });
}

/** Runs all blocks in one shell that stops at the first command that fails. */
export function walk(product: Product, stops: readonly Stop[]): Promise<Visited> {
  const script = stops
    .map((stop) => `${withPortsOf(product, stop.script)}\nprintf '\\n%s\\n' '${MARK}'\n`)
    .join('');
  const path = join(root, 'node_modules', '.bin');
  const env = cleanEnvironment({
    BURSAR_DATA_DIR: product.dataDir,
    PATH: `${path}${delimiter}${process.env.PATH ?? ''}`,
  });
  const options = { cwd: root, env, timeout: TOUR_MS, maxBuffer: 16 * 1024 * 1024 };
  return new Promise((resolve) => {
    const shell = execFile(
      'bash',
      ['-euo', 'pipefail', '-c', script],
      options,
      (_error, stdout, stderr) => {
        const outputs = stdout.split(`\n${MARK}\n`).slice(0, -1);
        resolve({ exitCode: shell.exitCode ?? -1, outputs, stderr });
      },
    );
  });
}

/**
 * The first expected line that the output does not have, in order; undefined if it has them all.
 * A `…` in an expected line stands for anything, and a line of only `…` for any lines.
 */
export function firstMissing(expected: string, output: string): string | undefined {
  const printed = output.split('\n').map((line) => line.trim());
  let from = 0;
  for (const line of expected.split('\n').map((wanted) => wanted.trim())) {
    if (line === '' || line === '…') continue;
    const parts = line.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
    const pattern = new RegExp(`^${parts.join('.*')}$`);
    const found = printed.findIndex((candidate, at) => at >= from && pattern.test(candidate));
    if (found === -1) return line;
    from = found + 1;
  }
  return undefined;
}
