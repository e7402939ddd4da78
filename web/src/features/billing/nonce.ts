/**
 * A purchase form's nonces: the same amount keeps the same one, so pressing twice, or again after
 * a lost answer, is one purchase; another amount is another purchase.
 */
export function nonceBook(draw: () => string): (usd: string) => string {
  const drawn = new Map<string, string>();
  return (usd) => {
    const nonce = drawn.get(usd) ?? draw();
    drawn.set(usd, nonce);
    return nonce;
  };
}

/** 128 random bits. Not `randomUUID`, which browsers refuse outside a secure origin. */
export function drawNonce(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
