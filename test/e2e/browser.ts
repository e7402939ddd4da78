import { type Browser, chromium } from 'playwright-core';

/** Everything a browser would do by itself besides showing our pages is switched off. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
  '--no-first-run',
];

export function openBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM_PATH ?? '/usr/bin/chromium-headless-shell';
  return chromium.launch({ executablePath, args: FLAGS, timeout: 30_000 });
}
