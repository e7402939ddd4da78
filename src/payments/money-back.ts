import type { DisputePort } from '#payments/dispute-port';
import type { RefundPort } from '#payments/refund-port';

/** The ways money goes back, as the card processor offers them. */
export interface MoneyBackPort extends RefundPort, DisputePort {}
