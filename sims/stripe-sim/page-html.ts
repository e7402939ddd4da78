/** Parts every page is made of. Plain HTML and forms: nothing here needs a script. */

const STYLE = `
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1a1f27;--soft:#5c6672;--line:#d9dee5;
--accent:#2f5fd0;--accent-ink:#fff;--bad:#a8201a;--bad-bg:#fdeceb;--note-bg:#eef3fe;--bar:#a3180f}
@media (prefers-color-scheme:dark){:root{--bg:#12151a;--card:#1b2027;--ink:#e9edf2;--soft:#9aa5b1;
--line:#333b46;--accent:#7ea2f5;--accent-ink:#0e1420;--bad:#ff9d96;--bad-bg:#3a1c1b;
--note-bg:#1d2739;--bar:#a3180f}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
.bar{background:var(--bar);color:#fff;text-align:center;padding:.4rem 1rem;font-weight:600}
main{max-width:28rem;margin:1.5rem auto 3rem;padding:0 1rem}
main.wide{max-width:58rem}
@media (min-width:50rem){main.wide{display:grid;grid-template-columns:1fr 1fr;gap:1.5rem;
align-items:start}main.wide>h1{grid-column:1/-1;margin-bottom:0}}
h1{font-size:1.25rem;margin:0 0 1rem}h2{font-size:1rem;margin:0 0 .5rem}
section{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1.25rem;
margin-bottom:1rem}
table{width:100%;border-collapse:collapse}td{padding:.3rem 0;vertical-align:top}
td:last-child,th:last-child{text-align:right;font-variant-numeric:tabular-nums;padding-left:1rem}
th{text-align:left;padding:.3rem 0}tr.total{border-top:1px solid var(--line)}
h2.apart{margin-top:1.75rem}dl+table{margin-top:1rem}
small,.soft{color:var(--soft)}dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:0}
dt{color:var(--soft)}dd{margin:0;text-align:right;overflow-wrap:anywhere}
label{display:block;margin:.75rem 0 .25rem;font-weight:500}
input{width:100%;padding:.6rem .7rem;font:inherit;color:inherit;background:var(--bg);
border:1px solid var(--line);border-radius:.5rem}
input[type=checkbox]{width:auto;margin-right:.5rem}
input[aria-invalid]{border-color:var(--bad)}
input:focus-visible,button:focus-visible,a:focus-visible,summary:focus-visible{
outline:3px solid var(--accent);outline-offset:2px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:.75rem;align-items:end}
button{width:100%;min-height:2.75rem;margin-top:1.25rem;padding:.7rem;font:inherit;font-weight:600;
border:0;border-radius:.5rem;background:var(--accent);color:var(--accent-ink);cursor:pointer}
button.quiet{background:none;color:inherit;border:1px solid var(--line);margin-top:.75rem}
.problem,.note{border-radius:.5rem;padding:.75rem 1rem;margin:0 0 1rem}
.problem{background:var(--bad-bg);color:var(--bad)}.note{background:var(--note-bg)}
details{margin-top:1.25rem;border-top:1px solid var(--line);padding-top:.75rem}
summary{cursor:pointer;font-weight:600}
details button{margin-top:.5rem;text-align:left;font-weight:400;background:none;color:inherit;
border:1px solid var(--line)}
a{color:var(--accent);overflow-wrap:anywhere}`;

export function document_(title: string, body: string, wide = false): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex"><style>${STYLE}</style></head>
<body><div class="bar" role="note">SIMULATED – test numbers only</div>
<main${wide ? ' class="wide"' : ''}>${body}</main></body></html>`;
}

/** A page that only says something: paid already, expired, no such session. */
export function noticePage(title: string, sentence: string, link?: { href: string; text: string }) {
  const more =
    link === undefined ? '' : `<p><a href="${escaped(link.href)}">${escaped(link.text)}</a></p>`;
  return document_(
    title,
    `<section><h1>${escaped(title)}</h1><p>${escaped(sentence)}</p>${more}</section>`,
  );
}

/** A labelled input; `typed` holds what was entered before. Cards are never among it. */
export function field(
  typed: Readonly<Record<string, string>>,
  name: string,
  label: string,
  attributes: string,
  wrong: string | null = null,
): string {
  const value = typed[name] ?? '';
  const kept = value === '' ? '' : ` value="${escaped(value)}"`;
  const marked = wrong === name ? ' aria-invalid="true" aria-describedby="problem"' : '';
  return `<label for="${name}">${label}</label>
<input id="${name}" name="${name}" ${attributes}${kept}${marked}>`;
}

export function problemBox(problem: string | null): string {
  if (problem === null) return '';
  return `<p class="problem" role="alert" id="problem">${escaped(problem)}</p>`;
}

export function facts(rows: ReadonlyArray<[term: string, value: string]>): string {
  const items = rows.map(([term, value]) => `<dt>${escaped(term)}</dt><dd>${escaped(value)}</dd>`);
  return `<dl>${items.join('')}</dl>`;
}

const WITHOUT_CENTS = 'bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf'.split(' ');

export function money(amount: number, currency: string): string {
  const sign = amount < 0 ? '-' : '';
  const code = currency.toUpperCase();
  const decimals = WITHOUT_CENTS.includes(currency.toLowerCase()) ? 0 : 2;
  const digits = String(Math.abs(amount)).padStart(decimals + 1, '0');
  const whole = digits.slice(0, digits.length - decimals).replaceAll(/\B(?=(\d{3})+$)/g, ',');
  const number = decimals === 0 ? whole : `${whole}.${digits.slice(-decimals)}`;
  return code === 'USD' ? `${sign}$${number}` : `${sign}${code} ${number}`;
}

export function day(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}

export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
