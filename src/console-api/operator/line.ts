import type { AttentionLine } from './contract.ts';

/** A line before the names of organizations are known. */
export type Line = Omit<AttentionLine, 'organization'> & { readonly organizationId: string | null };

type Said = Pick<Line, 'key' | 'kind' | 'title' | 'next_step'> & Partial<Line>;

/** What a zone says of something, and nothing where it says nothing. */
export const line = (said: Said): Line => ({
  detail: null,
  organizationId: null,
  amount_usd: null,
  amount_other: null,
  since: null,
  deadline: null,
  payment_id: null,
  purchase_id: null,
  decidable: false,
  ...said,
});
