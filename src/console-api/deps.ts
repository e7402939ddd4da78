import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import type { Pool } from '#db/pool';
import type { Identity } from '#identity/port';
import type { Entropy } from '#kernel/ids';
import type { TargetPolicy } from '#outgoing-webhooks/target';
import type { PaymentsDeps } from '#payments/deps';
import type { TierBook } from '#rate-limits/tiers';
import type { WatchingDeps } from '#watching/watching';

export interface ConsoleDeps extends WatchingDeps {
  readonly pool: Pool;
  readonly identity: Identity;
  readonly payments: PaymentsDeps;
  readonly entropy: Entropy;
  /** The secret under which key digests are made; kept outside the database. */
  readonly pepper: Buffer;
  readonly brand: string;
  /** Which tiers there are, and that of whoever has none of its own; absent: the bundled, none. */
  readonly tiers?: TierBook;
  readonly defaultTier?: string;
  /** Where webhooks may be sent; absent: to the public internet, over https on its port. */
  readonly webhookPolicy?: TargetPolicy;
  /** Addresses of the people who run this, in lower case; nobody if absent. */
  readonly operators?: ReadonlySet<string>;
  /** True if cards and models are the built-in doubles: pages say so. */
  readonly simulated: boolean;
  /** Where a browser reaches the Console; `https:` makes the cookie travel encrypted only. */
  readonly consoleUrl: string;
  /** Where programs send requests, for the examples the pages show. */
  readonly gatewayUrl?: string;
  /** Folder of the development mailbox; absent wherever mails are sent, or others may look. */
  readonly mailbox?: string;
}

/** An app whose routes are typed by their zod schemas. */
export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;
