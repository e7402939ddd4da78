import { notice, type PageAnswer, type PageRequest, redirect } from './page-answer.ts';
import { document_, escaped, money } from './page-html.ts';
import { checkoutAnswer, targetsOf } from './pay-page.ts';
import type { Sim } from './sim.ts';
import { finishVerification, sessionOf, waitingIntent } from './verification.ts';

/** The bank's own page: 3-D Secure. */
export function verificationPage(sim: Sim, id: string, request: PageRequest): PageAnswer {
  const intent = waitingIntent(sim, id);
  if (intent === undefined) return notice(404, 'Nothing to verify', 'This verification is over.');
  if (request.method === 'POST') return answered(sim, id, request.form.get('answer'));
  const session = sessionOf(sim, id);
  const back = intent.next_action?.redirect_to_url?.return_url ?? '';
  const merchant = escaped(sim.merchantName);
  const asks =
    intent.object === 'payment_intent'
      ? `Your bank asks you to confirm ${money(intent.amount, intent.currency)} to ${merchant}.`
      : `Your bank asks you to confirm that ${merchant} may charge this card later.`;
  return {
    status: 200,
    body: document_(
      'Verify your payment',
      `<section><h1>Verify your payment</h1><p>${asks}</p>
<form method="post" action="/3ds/${escaped(id)}">
<button type="submit" name="answer" value="pass">Confirm</button>
<button type="submit" name="answer" value="fail" class="quiet">Refuse</button>
</form><p class="soft">Leaving this page answers nothing: the payment stays open.</p></section>`,
    ),
    formTargets: [
      ...(session === undefined ? [] : targetsOf(session)),
      ...(URL.canParse(back) ? [new URL(back).origin] : []),
    ],
  };
}

function answered(sim: Sim, id: string, given: string | null): PageAnswer {
  const result = finishVerification(sim, id, given === 'pass' ? 'pass' : 'fail');
  if (result === undefined) return notice(404, 'Nothing to verify', 'This verification is over.');
  if (result.kind !== 'returned') return checkoutAnswer(sim, result, {});
  if (result.location !== null) return redirect(result.location);
  return result.succeeded
    ? notice(200, 'Verified', 'You can close this page.')
    : notice(200, 'Not verified', 'The verification failed. You were not charged.');
}
