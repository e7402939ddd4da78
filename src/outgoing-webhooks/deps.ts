import type { Db, Pool } from '#db/pool';
import type { Clock } from '#kernel/clock';
import type { Entropy } from '#kernel/ids';
import type { JsonObject } from '#kernel/json';
import type { Post } from './post.ts';
import type { TargetPolicy } from './target.ts';

/** Tells people, in the caller's transaction: once per organization, kind and key, for ever. */
export type Tell = (
  tx: Db,
  notice: {
    readonly organizationId: string;
    readonly kind: 'webhook_endpoint_disabled';
    readonly key: string;
    readonly facts: JsonObject;
  },
) => Promise<void>;

export interface SecretDeps {
  readonly entropy: Entropy;
  /** Kept outside the database; secrets are sealed under a key made of it. */
  readonly pepper: Buffer;
}

/** What endpoints are managed with. */
export interface EndpointDeps extends SecretDeps {
  readonly policy: TargetPolicy;
}

/** Ids and codes only: no URLs, no bodies. */
export interface SendingLog {
  error(fields: Record<string, unknown>, message: string): void;
}

/** What events are sent with. */
export interface SendingDeps extends EndpointDeps {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly post: Post;
  readonly tell: Tell;
  readonly log?: SendingLog | undefined;
}
