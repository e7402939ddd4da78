import type { Audience } from '#gateway/audience';
import type { Caller } from '#gateway/auth';
import type { Client } from '#gateway/client';
import type { Asked } from '#gateway/repeats';
import type { RequestId } from '#kernel/ids';

/** A paid request at the point where it is decided whether it repeats another. */
export interface Asking {
  readonly caller: Caller;
  readonly requestId: RequestId;
  readonly asked: Asked;
  /** Takes the client over. Called once, if it joins a call that is under way. */
  readonly open: () => Client;
}

/** A call whose answer is on the way. */
export interface LiveCall {
  readonly requestId: RequestId;
  readonly asked: Asked;
  readonly audience: Audience;
  /** Resolves when its clients have all they will get. */
  readonly finished: Promise<void>;
}

/** A request that goes its own way, and what it has to report of it. */
export interface OwnTurn {
  readonly outcome: 'own';
  /** The request that this one may be a retry of, though it is executed and charged itself. */
  readonly retryOf: RequestId | null;
  /** Whether nobody else can have its Idempotency-Key. Asked when the hold is committed. */
  valid(): boolean;
  /** Its answer is on the way: from now on others may join. */
  begin(audience: Audience, finished: Promise<void>): void;
  /** It was refused before anything was executed. */
  refused(): Promise<void>;
  /** Called at last, whatever happened. */
  end(): void;
}

/** It gets the answer of a call under way, which is the one that is charged. */
export interface Joined {
  readonly outcome: 'joined';
  readonly requestId: RequestId;
  readonly finished: Promise<void>;
}

export type Turn = Joined | OwnTurn;

export function join(call: LiveCall, asking: Asking): Joined {
  call.audience.join(asking.open());
  return { outcome: 'joined', requestId: call.requestId, finished: call.finished };
}
