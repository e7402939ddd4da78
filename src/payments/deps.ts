import type { Pool } from '#db/pool';
import type { Clock } from '#kernel/clock';
import type { Entropy } from '#kernel/ids';
import type { NanoUsd } from '#kernel/money';
import type { ProcessorBooks } from '#payments/books';
import type { CardCharges } from '#payments/card-charges';
import type { CardProcessor } from '#payments/card-processor';
import type { DocumentPort } from '#payments/document-port';
import type { MoneyBackPort } from '#payments/money-back';
import type { Processor } from '#payments/processor';
import type { Selling } from '#payments/selling';
import type { StarterTerms } from '#payments/starter-rules';
import type { TaxProcessor } from '#payments/tax-processor';
import type { TellPort } from '#payments/telling';

/** Ids and codes only: no bodies, no card data, no addresses. */
export interface PaymentsLog {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

export interface PaymentsDeps {
  readonly pool: Pool;
  readonly processor: Processor;
  readonly moneyBack: MoneyBackPort;
  readonly tax: TaxProcessor;
  readonly cards: CardProcessor;
  readonly cardCharges: CardCharges;
  readonly documents: DocumentPort;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly urls: { readonly console: string };
  /** First part of every idempotency key, and the tag that tells deployments of one account apart. */
  readonly environment: string;
  readonly automaticTax?: boolean;
  /** What the operator gives to begin with; absent where nothing is given. */
  readonly starter?: StarterTerms;
  /** To whom the operator sells; almost everybody unless told. */
  readonly selling?: Selling;
  /** What an organization's tier lets it buy at once, before tax; null for what everybody may. */
  readonly tierBounds?: (
    organizationId: string,
  ) => Promise<{ readonly least: NanoUsd | null; readonly most: NanoUsd | null } | undefined>;
  /** Largest single purchase; $10,000 unless told. */
  readonly maximum?: NanoUsd;
  readonly log?: PaymentsLog;
  /** Tells people, in the transaction of what they are told of; without it nobody is. */
  readonly tell?: TellPort;
  /** What a reconciliation reads; without it there is none. */
  readonly books?: ProcessorBooks;
  /** Whether webhooks can arrive at all: false where no secret is configured. True if absent. */
  readonly webhooksExpected?: boolean;
}
