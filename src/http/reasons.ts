const reasons = new WeakMap<object, string>();

/**
 * Notes why a request failed, in words for its sender, where that is known before there is anybody
 * to answer: in what reads a body. `failure` is what will be thrown.
 */
export function noteReason(failure: object, reason: string): void {
  reasons.set(failure, reason);
}

/** Undefined where nothing may be told. */
export const reasonOf = (failure: object): string | undefined => reasons.get(failure);
