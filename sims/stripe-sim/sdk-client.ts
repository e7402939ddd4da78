import type Stripe from 'stripe';

/** The SDK's client, with every resource and its calls; read by `sdk-params.ts`. */
export type SdkClient = Stripe;
