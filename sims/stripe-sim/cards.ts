import { createHash } from 'node:crypto';
import { DECLINE_ROWS, DECLINES, type Decline, type DeclineName } from './card-declines.ts';
import type { Trouble } from './card-trouble.ts';

export interface TestCard {
  /** Name after `pm_card_`; also what is stored instead of the number. */
  name: string;
  number: string;
  brand: string;
  funding: 'credit' | 'debit' | 'prepaid';
  country: string;
  decline: Decline | null;
  /**
   * `first_use` asks until the card was saved for use without its owner, `enrolled` only if the
   * merchant wants it, and `unreachable` cannot ask then.
   */
  threeDSecure:
    | 'optional'
    | 'required'
    | 'first_use'
    | 'on_session'
    | 'enrolled'
    | 'unreachable'
    | 'frictionless'
    | 'not_supported';
  /** When the bank's answer comes, and whether it is a good one. */
  arrives: 'now' | 'later' | 'never';
  riskLevel: 'normal' | 'elevated' | 'highest';
  failingChecks: ReadonlyArray<'cvc' | 'postal_code' | 'line1'>;
  /** Its bank does not check addresses. */
  uncheckedAddress: boolean;
  /** What its owner or its bank does after a payment that succeeded. */
  trouble: Trouble | null;
  /** False: its bank refuses already when it is to be kept. */
  attachable: boolean;
  /** A page asks first whether a person is there. */
  captcha: boolean;
  /** The issued card it is, if it is one: then its issuer decides. */
  issued: string | null;
}

type Traits = Partial<Omit<TestCard, 'name' | 'number' | 'brand'>>;

export function testCard(name: string, number: string, traits: Traits = {}): TestCard {
  return {
    name,
    number,
    brand: brandOf(number),
    funding: 'credit',
    country: 'US',
    decline: null,
    threeDSecure: 'optional',
    arrives: 'now',
    riskLevel: 'normal',
    failingChecks: [],
    uncheckedAddress: false,
    trouble: null,
    attachable: true,
    captcha: false,
    issued: null,
    ...traits,
  };
}

const card = testCard;

function declining(name: string, number: string, why: DeclineName, traits: Traits = {}): TestCard {
  return card(name, number, { decline: DECLINES[why], ...traits });
}

/** Declines whatever is asked of it, being saved included. */
function dead(name: string, number: string, why: DeclineName, traits: Traits = {}): TestCard {
  return declining(name, number, why, { attachable: false, ...traits });
}

/** Issuing countries: the country code and the number Stripe documents for it. */
const COUNTRIES =
  'BR 4000000760000002 CA 4000001240000000 MX 4000004840008001 AE 4000007840000001 ' +
  'AT 4000000400000008 BE 4000000560000004 BG 4000001000000000 BY 4000001120000005 ' +
  'CH 4000007560000009 CY 4000001960000008 CZ 4000002030000002 DE 4000002760000016 ' +
  'DK 4000002080000001 EE 4000002330000009 ES 4000007240000007 FI 4000002460000001 ' +
  'FR 4000002500000003 GB 4000008260000000 GR 4000003000000030 HR 4000001910000009 ' +
  'HU 4000003480000005 IE 4000003720000005 IT 4000003800000008 LT 4000004400000000 ' +
  'LU 4000004420000006 LV 4000004280000005 MT 4000004700000007 NL 4000005280000002 ' +
  'NO 4000005780000007 PL 4000006160000005 PT 4000006200000007 RO 4000006420000001 ' +
  'RU 4000006430000009 SA 4000006820000007 SE 4000007520000008 SI 4000007050000006 ' +
  'SK 4000007030000001 AU 4000000360000006 CN 4000001560000002 HK 4000003440000004 ' +
  'IN 4000003560000008 JP 4000003920000003 MY 4000004580000002 NZ 4000005540000008 ' +
  'SG 4000007020000003 TH 4000007640000003 TW 4000001580000008';

const CARDS: readonly TestCard[] = [
  card('visa', '4242424242424242'),
  card('visa_debit', '4000056655665556', { funding: 'debit' }),
  card('mastercard', '5555555555554444'),
  card('mastercard_series2', '2223003122003222'),
  card('mastercard_debit', '5200828282828210', { funding: 'debit' }),
  card('mastercard_prepaid', '5105105105105100', { funding: 'prepaid' }),
  card('amex', '378282246310005', { threeDSecure: 'not_supported' }),
  card('amex_second', '371449635398431'),
  card('discover', '6011111111111117'),
  card('diners', '3056930009020004'),
  card('jcb', '3566002020360505'),
  card('unionpay', '6200000000000005'),
  dead('visa_chargeDeclined', '4000000000000002', 'generic_decline'),
  dead('visa_chargeDeclinedInsufficientFunds', '4000000000009995', 'insufficient_funds'),
  dead('visa_chargeDeclinedLostCard', '4000000000009987', 'lost_card'),
  dead('visa_chargeDeclinedStolenCard', '4000000000009979', 'stolen_card'),
  dead('chargeDeclinedExpiredCard', '4000000000000069', 'expired_card'),
  dead('chargeDeclinedIncorrectCvc', '4000000000000127', 'incorrect_cvc', {
    failingChecks: ['cvc'],
  }),
  dead('chargeDeclinedProcessingError', '4000000000000119', 'processing_error'),
  dead('visa_chargeDeclinedVelocityLimitExceeded', '4000000000006975', 'card_velocity_exceeded'),
  declining('chargeCustomerFail', '4000000000000341', 'generic_decline'),
  card('authenticationRequiredOnSetup', '4000002500003155', { threeDSecure: 'first_use' }),
  card('authenticationRequired', '4000002760003184', { threeDSecure: 'required' }),
  card('authenticationRequiredSetupForOffSession', '4000003800000446', {
    threeDSecure: 'on_session',
  }),
  declining(
    'authenticationRequiredChargeDeclinedInsufficientFunds',
    '4000008260003178',
    'insufficient_funds',
    { threeDSecure: 'required' },
  ),
  card('threeDSecure2Required', '4000000000003220', { threeDSecure: 'required' }),
  declining('threeDSecureRequiredChargeDeclined', '4000008400001629', 'generic_decline', {
    threeDSecure: 'required',
  }),
  declining('threeDSecureRequiredProcessingError', '4000008400001280', 'generic_decline'),
  card('threeDSecureOptional', '4000000000003055', { threeDSecure: 'enrolled' }),
  card('threeDSecureOptionalProcessingError', '4000000000003097', { threeDSecure: 'unreachable' }),
  card('threeDSecureFrictionless', '4000000032200000', { threeDSecure: 'frictionless' }),
  declining('radarBlock', '4100000000000019', 'fraudulent', { riskLevel: 'highest' }),
  card('riskLevelHighest', '4000000000004954', { riskLevel: 'highest' }),
  card('riskLevelElevated', '4000000000009235', { riskLevel: 'elevated' }),
  card('cvcCheckFail', '4000000000000101', { failingChecks: ['cvc'] }),
  card('avsZipFail', '4000000000000036', { failingChecks: ['postal_code'] }),
  card('avsLine1Fail', '4000000000000028', { failingChecks: ['line1'] }),
  card('avsFail', '4000000000000010', { failingChecks: ['postal_code', 'line1'] }),
  card('avsUnchecked', '4000000000000044', { uncheckedAddress: true }),
  card('cvcCheckFailElevatedRisk', '4000058400307872', {
    failingChecks: ['cvc'],
    riskLevel: 'elevated',
  }),
  card('avsZipFailElevatedRisk', '4000058400306072', {
    failingChecks: ['postal_code'],
    riskLevel: 'elevated',
  }),
  card('highFraudDisputeScore', '4000008400000407', { riskLevel: 'elevated' }),
  card('highEfwScore', '4000008400000159', { riskLevel: 'elevated' }),
  card('radarDynamicRiskThreshold', '4000008400001017', { riskLevel: 'elevated' }),
  card('adaptive3dsChallenge', '4000008405600003', { threeDSecure: 'on_session' }),
  card('captcha', '4000000000001208', { captcha: true }),
  card('captchaSecond', '4000000000003725', { captcha: true }),
  card('visaCompellingEvidence3', '4000000404000038', { trouble: 'fraudulent' }),
  card('visaCompliance', '4000008400000779', { trouble: 'fraudulent' }),
  card('mastercardCompliance', '5105008400000002', { trouble: 'fraudulent' }),
  card('smartDisputes', '4000000001000043', { trouble: 'fraudulent' }),
  card('createDispute', '4000000000000259', { trouble: 'fraudulent' }),
  card('createDisputeProductNotReceived', '4000000000002685', { trouble: 'product_not_received' }),
  card('createDisputeInquiry', '4000000000001976', { trouble: 'inquiry' }),
  card('createMultipleDisputes', '4000000404000079', { trouble: 'several_disputes' }),
  card('createIssuerFraudRecord', '4000000000005423', { trouble: 'fraud_warning' }),
  card('pendingRefund', '4000000000007726'),
  card('refundFail', '4000000000005126'),
  card('bypassPending', '4000000000000077'),
  card('bypassPendingInternational', '4000003720000278', { country: 'IE' }),
  ...[...COUNTRIES.matchAll(/(\w\w) (\d+)/g)].map(([, country = '', number = '']) =>
    card(country.toLowerCase(), number, { country }),
  ),
  ...DECLINE_ROWS.flatMap(([row, ...names]) =>
    names.map((name, at) => {
      const number = withLuhnDigit(`400099000000${at}${row}`);
      return declining(`sim_${name}`, number, name);
    }),
  ),
  card('sim_processing', withLuhnDigit('400099000000090'), { arrives: 'later' }),
  card('sim_processing_fails', withLuhnDigit('400099000000091'), { arrives: 'never' }),
];

const BY_NUMBER = new Map(CARDS.map((entry) => [entry.number, entry]));
const BY_NAME = new Map(CARDS.map((entry) => [entry.name, entry]));

export function cardByNumber(digits: string): TestCard | undefined {
  return BY_NUMBER.get(digits);
}

export function cardByName(name: string): TestCard | undefined {
  return BY_NAME.get(name);
}

export function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (const [place, digit] of [...digits].reverse().entries()) {
    const value = Number(digit) * (place % 2 === 0 ? 1 : 2);
    sum += value > 9 ? value - 9 : value;
  }
  return digits.length >= 12 && digits.length <= 19 && sum % 10 === 0;
}

/** Equal for equal numbers, so one card can be recognized without keeping its number. */
export function fingerprintOf(number: string): string {
  const digest = createHash('sha256').update(`stripe-sim card ${number}`).digest('base64');
  return digest.replaceAll(/[^0-9A-Za-z]/g, '').slice(0, 16);
}

export function withLuhnDigit(start: string): string {
  for (const digit of '0123456789') {
    if (passesLuhn(start + digit)) return start + digit;
  }
  throw new Error('no Luhn digit');
}

function brandOf(number: string): string {
  if (number.startsWith('4')) return 'visa';
  if (/^3[47]/.test(number)) return 'amex';
  if (/^(30|36|38)/.test(number)) return 'diners';
  if (number.startsWith('35')) return 'jcb';
  if (number.startsWith('62')) return 'unionpay';
  if (number.startsWith('6')) return 'discover';
  return 'mastercard';
}
