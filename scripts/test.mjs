// `npm test`: types, lint, the web build, then every test against a real PostgreSQL and browser.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { onSuitableNode, root } from '../bin/node-version.mjs';

const BROWSERS = [
  'chromium-headless-shell',
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
];
const INSTALL = ['install', '-y', '--no-install-recommends', 'chromium-headless-shell'];

const executable = (path) => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const onPath = (name) =>
  (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find(executable);

const findBrowser = () => {
  const named = process.env.CHROMIUM_PATH;
  if (named !== undefined && named !== '') return executable(named) ? named : undefined;
  return BROWSERS.map(onPath).find((path) => path !== undefined);
};

const run = (command, args) => {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  return status ?? 1;
};

/** Debian's browser is installed where we may; a missing browser fails the run, never skips. */
const ensureBrowser = () => {
  const found = findBrowser();
  if (found !== undefined) return found;
  if (process.getuid?.() === 0 && existsSync('/etc/debian_version') && onPath('apt-get')) {
    process.env.DEBIAN_FRONTEND = 'noninteractive';
    run('apt-get', ['update', '-q']);
    run('apt-get', ['-q', ...INSTALL]);
  }
  return findBrowser();
};

const stop = (why) => {
  process.stderr.write(`\n${why}\n`);
  process.stdout.write('0 passed, 1 failed\n');
  process.exit(1);
};

const tool = (name, ...args) => {
  const shown = [name, ...args].join(' ');
  process.stdout.write(`> ${shown}\n`);
  if (run(join(root, 'node_modules', '.bin', name), args) !== 0) stop(`failed: ${shown}`);
};

const main = () => {
  process.env.PATH = `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`;
  const browser = ensureBrowser();
  if (browser === undefined) {
    stop(
      'The tests need a Chromium. Set CHROMIUM_PATH, or run:\n' +
        '  sudo apt-get update && sudo apt-get install -y chromium-headless-shell',
    );
  }
  process.env.CHROMIUM_PATH = browser;
  tool('tsc', '-p', 'tsconfig.json');
  if (existsSync(join(root, 'tsconfig.web.json'))) tool('tsc', '-p', 'tsconfig.web.json');
  tool('biome', 'ci', '.');
  if (existsSync(join(root, 'web', 'vite.config.ts'))) {
    tool('vite', 'build', '--config', 'web/vite.config.ts', '--logLevel', 'warn');
  }
  process.exit(
    run(join(root, 'node_modules', '.bin', 'vitest'), ['run', ...process.argv.slice(2)]),
  );
};

if (onSuitableNode(import.meta.url)) main();
