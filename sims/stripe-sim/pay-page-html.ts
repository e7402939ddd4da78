import type Stripe from 'stripe';
import type { StoredLine } from './line-items.ts';

export interface PayPage {
  session: Stripe.Checkout.Session;
  lines: StoredLine[];
  merchantName: string;
  /** What went wrong with the last try, and what was typed besides the card. */
  problem: string | null;
  typed: Record<string, string>;
}

const STYLE = `
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--ink:#1a1f27;--soft:#5c6672;--line:#d9dee5;
--accent:#2f5fd0;--accent-ink:#fff;--bad:#a8201a;--bad-bg:#fdeceb;--bar:#8f1d18}
@media (prefers-color-scheme:dark){:root{--bg:#12151a;--card:#1b2027;--ink:#e9edf2;--soft:#9aa5b1;
--line:#333b46;--accent:#7ea2f5;--accent-ink:#0e1420;--bad:#ff9d96;--bad-bg:#3a1c1b;--bar:#7a1a16}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
.bar{background:var(--bar);color:#fff;text-align:center;padding:.4rem 1rem;font-weight:600}
main{max-width:28rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.25rem;margin:0 0 1rem}
section{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1.25rem;
margin-bottom:1rem}
table{width:100%;border-collapse:collapse}td{padding:.3rem 0;vertical-align:top}
td:last-child,th:last-child{text-align:right;font-variant-numeric:tabular-nums}
th{text-align:left;padding:.3rem 0}tr.total{border-top:1px solid var(--line)}
small,.soft{color:var(--soft)}
label{display:block;margin:.75rem 0 .25rem;font-weight:500}
input{width:100%;padding:.6rem .7rem;font:inherit;color:inherit;background:var(--bg);
border:1px solid var(--line);border-radius:.5rem}
input:focus-visible,button:focus-visible,a:focus-visible{outline:3px solid var(--accent);
outline-offset:2px}
.pair{display:grid;grid-template-columns:1fr 1fr;gap:.75rem}
button{width:100%;margin-top:1.25rem;padding:.75rem;font:inherit;font-weight:600;border:0;
border-radius:.5rem;background:var(--accent);color:var(--accent-ink);cursor:pointer}
button.quiet{background:none;color:inherit;border:1px solid var(--line);margin-top:.75rem}
.problem{background:var(--bad-bg);color:var(--bad);border-radius:.5rem;padding:.75rem 1rem;
margin:0 0 1rem}
a{color:var(--accent)}`;

export function payPage(page: PayPage): string {
  const { session, merchantName, problem } = page;
  const currency = session.currency ?? 'usd';
  const total = money(session.amount_total ?? 0, currency);
  const cancel =
    session.cancel_url === null
      ? ''
      : `<p><a href="${escaped(session.cancel_url)}">Cancel and go back to ` +
        `${escaped(merchantName)}</a></p>`;
  return document_(
    `Pay ${total}`,
    `<h1>${escaped(merchantName)}</h1>
<section aria-label="Order">${orderTable(page, currency, total)}</section>
<section aria-label="Card">
${problem === null ? '' : `<p class="problem" role="alert" id="problem">${escaped(problem)}</p>`}
<form method="post" action="/c/pay/${escaped(session.id)}" autocomplete="off">
${session.customer_details?.email ? '' : field(page, 'email', 'Email', 'type="email" required')}
${cardFields(page)}
<button type="submit">Pay ${total}</button>
</form></section>${cancel}`,
  );
}

function cardFields(page: PayPage): string {
  const digits = 'inputmode="numeric" required';
  const number = field(
    page,
    'number',
    'Card number',
    `${digits} placeholder="4242 4242 4242 4242"`,
  );
  const expiry = field(page, 'expiry', 'Expiry (MM / YY)', `${digits} placeholder="12 / 34"`);
  const cvc = field(page, 'cvc', 'CVC', `${digits} placeholder="123"`);
  const twoLetters = 'required maxlength="2" pattern="[A-Za-z]{2}"';
  const country = field(page, 'country', 'Country', twoLetters);
  const postalCode = field(page, 'postal_code', 'Postal code', '');
  return `${number}
<div class="pair"><div>${expiry}</div><div>${cvc}</div></div>
${field(page, 'name', 'Name on card', 'required')}
<div class="pair"><div>${country}</div><div>${postalCode}</div></div>`;
}

function orderTable({ session, lines }: PayPage, currency: string, total: string): string {
  const rows = lines.map((line) => {
    const each = money(line.amount_subtotal, line.currency);
    const count = line.quantity === 1 ? '' : ` <small>× ${line.quantity}</small>`;
    return `<tr><td>${escaped(line.description ?? '')}${count}</td><td>${each}</td></tr>`;
  });
  const subtotal = money(session.amount_subtotal ?? 0, currency);
  const tax = session.total_details?.amount_tax ?? 0;
  return `<table><tbody>${rows.join('')}
<tr class="total"><td class="soft">Subtotal</td><td>${subtotal}</td></tr>
<tr><td class="soft">Tax</td><td>${money(tax, currency)}</td></tr>
<tr class="total"><th scope="row">Total</th><th>${total}</th></tr></tbody></table>`;
}

function field(page: PayPage, name: string, label: string, attributes: string): string {
  const value = page.typed[name] ?? '';
  const kept = value === '' ? '' : ` value="${escaped(value)}"`;
  return `<label for="${name}">${label}</label>
<input id="${name}" name="${name}" ${attributes}${kept}>`;
}

/** A page that only says something: paid already, expired, no such session, a receipt. */
export function noticePage(title: string, sentence: string, link?: { href: string; text: string }) {
  const more =
    link === undefined ? '' : `<p><a href="${escaped(link.href)}">${escaped(link.text)}</a></p>`;
  return document_(
    title,
    `<section><h1>${escaped(title)}</h1><p>${escaped(sentence)}</p>${more}</section>`,
  );
}

export function verificationPage(intent: string, amount: string, merchantName: string): string {
  return document_(
    'Verify your payment',
    `<section><h1>Verify your payment</h1>
<p>Your bank asks you to confirm ${amount} to ${escaped(merchantName)}.</p>
<form method="post" action="/3ds/${escaped(intent)}">
<button type="submit" name="answer" value="pass">Confirm</button>
<button type="submit" name="answer" value="fail" class="quiet">Refuse</button>
</form></section>`,
  );
}

export function money(amount: number, currency: string): string {
  const digits = String(amount).padStart(3, '0');
  const whole = digits.slice(0, -2).replaceAll(/\B(?=(\d{3})+$)/g, ',');
  const code = currency.toUpperCase();
  return code === 'USD' ? `$${whole}.${digits.slice(-2)}` : `${code} ${whole}.${digits.slice(-2)}`;
}

function document_(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(title)}</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="robots" content="noindex"><style>${STYLE}</style></head>
<body><div class="bar" role="note">SIMULATED – test numbers only</div>
<main>${body}</main></body></html>`;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
