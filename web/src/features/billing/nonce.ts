/**
 * A purchase form's nonces: the same wish keeps the same one, so pressing twice, or again after
 * a lost answer, is one purchase; another amount, or another answer about the card, is another.
 */
export function nonceBook(draw: () => string): (usd: string, keepsCard?: boolean) => string {
  const drawn = new Map<string, string>();
  return (usd, keepsCard = false) => {
    const wish = `${usd} ${keepsCard}`;
    const nonce = drawn.get(wish) ?? draw();
    drawn.set(wish, nonce);
    return nonce;
  };
}

/** 128 random bits. Not `randomUUID`, which browsers refuse outside a secure origin. */
export function drawNonce(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
