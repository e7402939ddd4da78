const BRANDS: Readonly<Record<string, string>> = {
  visa: 'Visa',
  mastercard: 'Mastercard',
  amex: 'American Express',
  discover: 'Discover',
  diners: 'Diners Club',
  jcb: 'JCB',
  unionpay: 'UnionPay',
};

/** "Visa ending in 4242": never more of a number than that. */
export function cardName(card: { readonly brand: string; readonly last4: string }): string {
  const brand = BRANDS[card.brand] ?? 'Card';
  return card.last4 === '' ? brand : `${brand} ending in ${card.last4}`;
}

export const expiryText = (card: { readonly exp_month: number; readonly exp_year: number }) =>
  `${String(card.exp_month).padStart(2, '0')}/${card.exp_year}`;
