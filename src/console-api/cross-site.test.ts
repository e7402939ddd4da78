import { expect, test } from 'vitest';
import { type BrowserSays, isCrossSite } from './cross-site.ts';

const CONSOLE = 'https://console.example.com';
const says = (headers: Partial<BrowserSays>): BrowserSays => ({
  method: 'POST',
  secFetchSite: undefined,
  origin: undefined,
  host: 'console.example.com',
  ...headers,
});

test('the Console itself, under any name of its host, is not another site', () => {
  const same = { secFetchSite: 'same-origin' };
  for (const headers of [
    { ...same, origin: CONSOLE },
    { origin: CONSOLE, host: 'behind-a-proxy:4000' },
    { ...same, origin: 'http://localhost:4000', host: 'localhost:4000' },
    { ...same },
  ]) {
    expect(isCrossSite(says(headers), CONSOLE)).toBe(false);
  }
});

test('whatever a browser says came from elsewhere is refused', () => {
  for (const headers of [
    { secFetchSite: 'cross-site' },
    { secFetchSite: 'same-site', origin: CONSOLE },
    { secFetchSite: 'none' },
    { secFetchSite: '' },
    { origin: 'https://evil.example' },
    { origin: 'https://console.example.com.evil.example' },
    { origin: 'https://console.example.com:8443' },
    { origin: 'null' },
    { origin: '' },
  ]) {
    expect(isCrossSite(says(headers), CONSOLE)).toBe(true);
    expect(isCrossSite(says({ ...headers, method: 'DELETE' }), CONSOLE)).toBe(true);
  }
});

test('reading is not refused, and a program without browser headers is not either', () => {
  expect(isCrossSite(says({ method: 'GET', secFetchSite: 'cross-site' }), CONSOLE)).toBe(false);
  expect(isCrossSite(says({}), CONSOLE)).toBe(false);
});
