import { formatUsd, nanos } from '#kernel/money';
import { syncCards } from '#payments/cards';
import type { PaymentsDeps } from '#payments/deps';
import { giveStarterCredit, type StarterStanding, starterStanding } from '#payments/starter';
import { offerWords, STARTER_REFUSALS } from '#payments/starter-rules';
import type { Api, ConsoleDeps } from '../deps.ts';
import { refuse } from '../refusals.ts';
import { type StarterResponse, starterResponse } from '../starter/contract.ts';
import { memberOf, withAbility } from '../viewer.ts';

const PATH = '/billing/starter-credit';

/** Credit the operator gives to begin with: whether there is any, and asking for it. */
export function starterCreditRoutes(app: Api, deps: ConsoleDeps): void {
  const { payments } = deps;
  const schema = { response: { 200: starterResponse } };

  app.get(PATH, { onRequest: withAbility(deps, 'billing.view'), schema }, async (request) => {
    const { organizationId, userId } = memberOf(request);
    return view(payments, await starterStanding(payments, organizationId, userId));
  });

  app.post(
    PATH,
    { onRequest: withAbility(deps, 'billing.buy'), schema },
    async (request, reply) => {
      const { organizationId, userId } = memberOf(request);
      if (payments.starter === undefined) return { offer: null };
      // By what the processor says of the cards now, not by what it said when they were saved.
      if ((await syncCards(payments, organizationId)) === 'unavailable') {
        return refuse(reply, 'processor_unavailable');
      }
      return view(payments, await giveStarterCredit(payments, organizationId, userId));
    },
  );
}

function view({ starter }: PaymentsDeps, standing: StarterStanding): StarterResponse {
  if (starter === undefined || standing.standing === 'off') return { offer: null };
  const { standing: status } = standing;
  const amount = formatUsd(starter.amount);
  const nothing = { grant_id: null, card_id: null };
  if (status === 'needs_card' || status === 'ready') {
    const { title, text, nextStep } = offerWords(starter, status === 'ready');
    return { offer: { status, amount_usd: amount, title, text, next_step: nextStep, ...nothing } };
  }
  if (status === 'refused') {
    const { title, text, nextStep } = STARTER_REFUSALS[standing.why];
    return { offer: { status, amount_usd: amount, title, text, next_step: nextStep, ...nothing } };
  }
  const given = formatUsd(nanos(standing.starter.amount));
  return {
    offer: {
      ...{ status, amount_usd: given, title: `$${given} of starter credit was added` },
      text: 'It is promotional credit with an end of its own; what ends first is used first.',
      next_step: 'It is listed among the credit grants, with the day it ends.',
      ...{ grant_id: standing.starter.grantId, card_id: standing.starter.cardId },
    },
  };
}
