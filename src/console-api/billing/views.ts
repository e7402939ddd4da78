import { formatUsd } from '#kernel/money';
import type { ThingToCheck } from '#payments/advice';
import { COUNTRY_CODES, type CountryRule, countryRule } from '#payments/billing-countries';
import type { StoredDetails } from '#payments/billing-details';
import type { CardSetup } from '#payments/card-setups';
import { type CardRow, whyAttended } from '#payments/cards';
import type { PurchaseFailure } from '#payments/declines';
import { type Selling, sellsTo } from '#payments/selling';
import type { Quote } from '#payments/tax-quote';
import type * as wire from './contract.ts';

export const detailsView = (details: StoredDetails): wire.BillingDetails => ({
  name: details.name,
  line1: details.line1,
  line2: details.line2,
  city: details.city,
  state: details.state,
  postal_code: details.postalCode,
  country: details.country,
  tax_id_type: details.taxIdType ?? '',
  tax_id: details.taxId ?? '',
});

const countryView = (rule: CountryRule, selling: Selling): wire.Country => ({
  code: rule.code,
  name: rule.name,
  sold: sellsTo(selling, rule.code),
  postal_example: rule.postal?.example ?? null,
  states: rule.states.map(([code, name]) => ({ code, name })),
  tax_ids: rule.taxIds.map(({ type, label, example }) => ({ type, label, example })),
});

/** Every country, as a form lists them: by name. */
export const countriesView = (selling: Selling): wire.Country[] =>
  COUNTRY_CODES.map(countryRule)
    .filter((rule) => rule !== undefined)
    .map((rule) => countryView(rule, selling))
    .sort((a, b) => a.name.localeCompare(b.name, 'en'));

export const refusedView = (failure: PurchaseFailure | null): wire.RefusedFor | null =>
  failure === null
    ? null
    : {
        code: failure.code,
        class: failure.class,
        title: failure.title,
        message: failure.message,
        next_step: failure.next_step,
      };

export const thingsView = (things: readonly ThingToCheck[]): wire.ThingToCheck[] =>
  things.map((thing) => ({ ...thing }));

export const quoteView = (
  quote: Quote,
  things: readonly ThingToCheck[],
  subscriptionUrl: string | null,
): wire.Quote => ({
  amount_usd: formatUsd(quote.amount),
  tax_usd: quote.tax === null ? null : formatUsd(quote.tax),
  total_usd: quote.total === null ? null : formatUsd(quote.total),
  tax_note: quote.taxNote,
  tax_lines: quote.taxLines.map((line) => ({
    name: line.name,
    percent: line.percent,
    amount_usd: formatUsd(line.amount),
    reason: line.reason,
  })),
  clears_debt_usd: formatUsd(quote.clearsDebt),
  usable_usd: formatUsd(quote.usable),
  refusal: refusedView(quote.refusal),
  resting_cards: quote.resting.map(({ brand, last4, until }) => ({
    brand,
    last4,
    until: until.toISOString(),
  })),
  things_to_check: thingsView(things),
  subscription_url: subscriptionUrl,
});

export const cardView = (card: CardRow, selling: Selling): wire.SavedCard => ({
  id: card.id,
  brand: card.brand,
  last4: card.last4,
  exp_month: card.expMonth,
  exp_year: card.expYear,
  country: card.country,
  funding: card.funding,
  is_default: card.isDefault,
  expiry: card.expiry,
  attended_only: whyAttended(card, selling),
  rests_until: card.restsUntil?.toISOString() ?? null,
});

export const setupView = (setup: CardSetup): wire.CardSetup => ({
  id: setup.id,
  state: setup.state,
  redirect_url: setup.redirectUrl,
  card_id: setup.cardId,
  failure: refusedView(setup.failure),
});
