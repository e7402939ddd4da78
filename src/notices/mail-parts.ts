import { type Kind, PLACES } from '#notices/kinds';
import type { Words } from '#notices/wording';

/** One notice as a mail shows it. */
export interface Told {
  readonly words: Words;
  readonly severity: Kind['severity'];
  readonly link: { readonly label: string; readonly url: string };
}

/** The small print: why the reader gets this, and what they can do about it. */
export interface Footer {
  readonly why: string;
  readonly links: readonly { readonly label: string; readonly url: string }[];
}

export interface Parts {
  readonly text: string;
  readonly html: string;
}

const LINE = 72;

/** Broken at blanks, so that a reader without soft wrapping sees whole lines. Links stay whole. */
export function wrapped(text: string, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > LINE - indent.length) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  lines.push(line);
  return lines.map((one) => `${indent}${one}`).join('\n');
}

const known = (words: Words): [string, string][] =>
  words.rows.flatMap(([label, value]) => (value === undefined ? [] : [[label, value]]));

function textOf({ words, link }: Told): string {
  const rows = known(words);
  const width = Math.max(0, ...rows.map(([label]) => label.length)) + 2;
  const table = rows.map(([label, value]) => `  ${`${label}:`.padEnd(width)} ${value}`);
  return [
    wrapped(words.headline),
    ...words.body.map((text) => wrapped(text)),
    ...(table.length === 0 ? [] : [table.join('\n')]),
    `${link.label}:\n${link.url}`,
  ].join('\n\n');
}

export const escaped = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');

const INK = '#1b1d1f';
const SOFT = '#575c61';
const BARS: Readonly<Record<Kind['severity'], string>> = {
  urgent: '#a3262b',
  warning: '#b07a12',
  info: '#0b6b50',
};

function htmlOf({ words, severity, link }: Told): string {
  const rows = known(words).map(
    ([label, value]) =>
      `<tr><th scope="row" style="text-align:left;font-weight:400;color:${SOFT};padding:4px 16px 4px 0;` +
      `vertical-align:top">${escaped(label)}</th>` +
      `<td style="padding:4px 0;word-break:break-word">${escaped(value)}</td></tr>`,
  );
  return [
    `<div style="border-top:4px solid ${BARS[severity]};margin:0 -24px;padding:20px 24px 8px">`,
    `<h1 style="font-size:20px;line-height:1.35;margin:0 0 12px">${escaped(words.headline)}</h1>`,
    ...words.body.map((text) => `<p style="margin:0 0 12px">${escaped(text)}</p>`),
    ...(rows.length === 0
      ? []
      : [
          `<table role="presentation" style="border-collapse:collapse;margin:4px 0 16px;font-size:15px">`,
          ...rows,
          '</table>',
        ]),
    `<p style="margin:0 0 12px"><a href="${escaped(link.url)}" style="display:inline-block;background:${INK};` +
      `color:#ffffff;text-decoration:none;padding:10px 18px;border-radius:8px">${escaped(link.label)}</a></p>`,
    '</div>',
  ].join('\n');
}

function page(lang: string, body: string, footer: Footer): string {
  const links = footer.links.map(
    ({ label, url }) => `<a href="${escaped(url)}" style="color:${SOFT}">${escaped(label)}</a>`,
  );
  return [
    `<!doctype html><html lang="${lang}"><head><meta charset="utf-8">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1"></head>',
    `<body style="margin:0;background:#f7f6f3;color:${INK};font:16px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,` +
      'Helvetica,Arial,sans-serif">',
    '<div style="max-width:560px;margin:0 auto;padding:24px 20px">',
    `<div style="background:#ffffff;border-radius:8px;padding:0 24px 12px">`,
    body,
    '</div>',
    `<p style="font-size:13px;color:${SOFT};margin:16px 4px">${escaped(footer.why)}` +
      `${links.length === 0 ? '' : `<br>${links.join(' &middot; ')}`}</p>`,
    '</div></body></html>',
  ].join('\n');
}

/** Both parts of a mail, from the same words. Nothing in it is loaded from elsewhere. */
export function partsOf(lead: string | null, told: readonly Told[], footer: Footer): Parts {
  const links = footer.links.map(({ label, url }) => `${label}:\n${url}`);
  const text = [
    ...(lead === null ? [] : [wrapped(lead)]),
    told.map(textOf).join(`\n\n${'-'.repeat(LINE)}\n\n`),
    ['-- ', wrapped(footer.why), ...links].join('\n'),
  ].join('\n\n');
  const first =
    lead === null ? '' : `<p style="margin:0;padding:20px 0 12px">${escaped(lead)}</p>\n`;
  const html = page('en', first + told.map(htmlOf).join('\n'), footer);
  return { text: `${text}\n`, html: `${html}\n` };
}

/** Where a kind leads, at the address of this deployment's Console. */
export const linkOf = (kind: Kind, consoleUrl: string): Told['link'] => {
  const { label, path } = PLACES[kind.place];
  return { label, url: new URL(path, consoleUrl).href };
};
