// Plain old JavaScript on purpose: this must run on whatever Node the machine has.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST = [22, 19];
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'];

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const newEnough = () => {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
};

/** The Node that npm installed with this package; undefined on other platforms. */
const bundledNode = () => {
  const linked = join(root, 'node_modules', '.bin', 'node');
  if (existsSync(linked)) return linked;
  try {
    const require = createRequire(import.meta.url);
    const manifest = require.resolve(`node-${process.platform}-${process.arch}/package.json`);
    return join(dirname(manifest), 'bin', 'node');
  } catch {
    return undefined;
  }
};

/**
 * True if this process may go on. Otherwise the same script was started again with the bundled
 * Node, and this process only passes signals on and ends as the other one ends.
 */
export function onSuitableNode(script) {
  if (newEnough()) return true;
  const node = bundledNode();
  if (node === undefined) {
    process.stderr.write(
      `Bursar needs Node ${OLDEST.join('.')} or newer; this is ${process.versions.node}, ` +
        'and no bundled Node is installed. Run "npm ci" or install a newer Node.\n',
    );
    process.exitCode = 78;
    return false;
  }
  const args = [...process.execArgv, fileURLToPath(script), ...process.argv.slice(2)];
  // The channel carries no messages. It closes when this process is killed, which tells the
  // other one to stop what it started.
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`${node}: ${error.message}\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => {
    process.exit(code ?? 128 + (constants.signals[signal] ?? 0));
  });
  return false;
}
