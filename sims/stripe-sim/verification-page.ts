import {
  codeFor,
  hasEnded,
  type OneTimeCode,
  sendAgain,
  triesLeft,
  tryCode,
} from './one-time-codes.ts';
import { notice, type PageAnswer, type PageRequest, redirect } from './page-answer.ts';
import { document_, escaped, field, money, problemBox } from './page-html.ts';
import { checkoutAnswer, targetsOf } from './pay-page.ts';
import type { Sim } from './sim.ts';
import { finishVerification, sessionOf, type Waiting, waitingIntent } from './verification.ts';

const CONFIRM = `<button type="submit" name="answer" value="pass">Confirm</button>`;
const REFUSE = `<button type="submit" name="answer" value="fail" class="quiet" formnovalidate>
Refuse</button>`;

/** The bank's own page: 3-D Secure. */
export function verificationPage(sim: Sim, id: string, request: PageRequest): PageAnswer {
  const intent = waitingIntent(sim, id);
  if (intent === undefined) return notice(404, 'Nothing to verify', 'This verification is over.');
  const sent = codeFor(sim, intent);
  if (request.method !== 'POST') return question(sim, intent, sent, null);
  if (sent === undefined) return answered(sim, id, request.form.get('answer'));
  return codeAnswered(sim, intent, sent, request.form);
}

function question(
  sim: Sim,
  intent: Waiting,
  sent: OneTimeCode | undefined,
  problem: string | null,
): PageAnswer {
  const session = sessionOf(sim, intent.id);
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
      `<section><h1>Verify your payment</h1>${problemBox(problem)}<p>${asks}</p>
<form method="post" action="/3ds/${escaped(intent.id)}">
${sent === undefined ? CONFIRM : codeParts(sim, sent, problem)}
${REFUSE}
</form><p class="soft">Leaving this page answers nothing: the payment stays open.</p></section>`,
    ),
    formTargets: [
      ...(session === undefined ? [] : targetsOf(session)),
      ...(URL.canParse(back) ? [new URL(back).origin] : []),
    ],
  };
}

function codeParts(sim: Sim, sent: OneTimeCode, problem: string | null): string {
  const again = (look: string) =>
    `<button type="submit" name="answer" value="again"${look} formnovalidate>
Send a new code</button>`;
  if (hasEnded(sim, sent)) return `<p>The code we sent has ended.</p>${again('')}`;
  const attributes = 'inputmode="numeric" autocomplete="one-time-code" required maxlength="12"';
  const wrong = problem === null ? null : 'code';
  return `<p>We sent a code to the holder of the card that ends in ${sent.last4}.
Simulated: read it in the issuer’s inbox, <code>/_sim/inbox</code>.</p>
${field({}, 'code', 'Code', attributes, wrong)}
${CONFIRM}
${again(' class="quiet"')}`;
}

function codeAnswered(
  sim: Sim,
  intent: Waiting,
  sent: OneTimeCode,
  form: URLSearchParams,
): PageAnswer {
  const answer = form.get('answer');
  if (answer === 'fail') return answered(sim, intent.id, 'fail');
  if (answer === 'again') {
    sendAgain(sim, sent);
    return redirect(`/3ds/${intent.id}`);
  }
  const typed = (form.get('code') ?? '').replaceAll(/\s/g, '');
  switch (tryCode(sim, sent, typed)) {
    case 'right':
      return answered(sim, intent.id, 'pass');
    case 'too_often':
      return answered(sim, intent.id, 'fail');
    case 'none':
      return question(sim, intent, sent, 'Enter the code.');
    case 'ended':
      return question(sim, intent, sent, 'This code has ended. Ask for a new one.');
    case 'wrong': {
      const now = codeFor(sim, intent) ?? sent;
      const left = triesLeft(now) === 1 ? 'One more try is left.' : 'Two more tries are left.';
      return question(sim, intent, now, `This is not the code. ${left}`);
    }
  }
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
