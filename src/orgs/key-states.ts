/** What is stored of a key's state; "expired" follows from the clock. */
export type StoredKeyStatus = 'active' | 'inactive' | 'paused' | 'revoked';

/** What a key is now. Only an active one opens anything. */
export type KeyStatus = StoredKeyStatus | 'expired';

export interface KeyMove {
  readonly from: readonly KeyStatus[];
  readonly to: StoredKeyStatus;
}

/**
 * Everything that can be done to a key's state. What is not here is refused: a revoked key stays
 * revoked, and an expired one can only be revoked, because its end was fixed when it was made.
 */
export const KEY_MOVES = {
  disable: { from: ['active', 'paused'], to: 'inactive' },
  enable: { from: ['inactive'], to: 'active' },
  // By the watch over spending; only a person's answer lets the key go on.
  pause: { from: ['active'], to: 'paused' },
  resume: { from: ['paused'], to: 'active' },
  revoke: { from: ['active', 'inactive', 'paused', 'expired'], to: 'revoked' },
} as const satisfies Record<string, KeyMove>;

export type KeyMoveName = keyof typeof KEY_MOVES;
