// Keeps one child for a test run: when the run goes away, however it dies, its end of our stdin
// closes and the child is told to stop. So a killed run leaves nothing behind.
import { spawn } from 'node:child_process';

const STOP_MS = 30_000;
const [command, ...args] = process.argv.slice(2);
const child = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });

const stop = () => {
  child.kill('SIGTERM');
  setTimeout(() => child.kill('SIGKILL'), STOP_MS).unref();
};

process.stdin.on('end', stop);
process.stdin.on('error', stop);
process.stdin.resume();
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, stop);
child.on('error', () => process.exit(127));
child.on('exit', (code) => process.exit(code ?? 1));
