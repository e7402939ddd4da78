import * as z from 'zod/mini';
import { type AuditAction, recordAudit } from '#identity/audit';
import { CURRENT_CONSENT } from '#payments/card-consent';
import { beginSetup, findSetup, refreshOpenSetups, refreshSetup } from '#payments/card-setups';
import { type CardDone, makeDefault, removeCard, savedCards, syncCards } from '#payments/cards';
import { DEFAULT_SELLING } from '#payments/selling';
import { cardList, cardSetup, createSetupRequest } from '../billing/contract.ts';
import { cardView, setupView } from '../billing/views.ts';
import type { Api, ConsoleDeps } from '../deps.ts';
import { refuse } from '../refusals.ts';
import { memberOf, withAbility } from '../viewer.ts';

const params = z.object({ id: z.string().check(z.maxLength(100)) });

function listRoute(app: Api, deps: ConsoleDeps): void {
  const selling = deps.payments.selling ?? DEFAULT_SELLING;
  app.get(
    '/cards',
    {
      onRequest: withAbility(deps, 'billing.view'),
      schema: { response: { 200: cardList } },
    },
    async (request) => {
      const { organizationId } = memberOf(request);
      // Who saved a card and closed the window before coming back has a card all the same.
      await refreshOpenSetups(deps.payments, organizationId);
      const synced = await syncCards(deps.payments, organizationId);
      const cards = await savedCards(deps.payments, organizationId);
      return {
        data: cards.map((card) => cardView(card, selling)),
        current: synced !== 'unavailable',
        consent: { ...CURRENT_CONSENT },
      };
    },
  );
}

function setupRoutes(app: Api, deps: ConsoleDeps): void {
  app.post(
    '/cards/setups',
    {
      onRequest: withAbility(deps, 'billing.buy'),
      schema: { body: createSetupRequest, response: { 201: cardSetup } },
    },
    async (request, reply) => {
      const { userId, organizationId } = memberOf(request);
      const { nonce, consent_version: consentVersion, replaces } = request.body;
      const begun = await beginSetup(deps.payments, {
        organizationId,
        actor: userId,
        ip: request.ip,
        consentVersion,
        nonce,
        ...(replaces === undefined ? {} : { replaces }),
      });
      switch (begun.outcome) {
        case 'consent_outdated':
          return refuse(reply, 'consent_outdated');
        case 'unknown_card':
          return refuse(reply, 'not_found');
        case 'processor_unavailable':
          return refuse(reply, 'processor_unavailable');
        case 'opened':
        case 'processor_refused':
          await audit(deps, request, 'card.consent', begun.setup.id);
          return reply.code(201).send(setupView(begun.setup));
      }
    },
  );

  app.post(
    '/cards/setups/:id/refresh',
    {
      onRequest: withAbility(deps, 'billing.view'),
      schema: { params, response: { 200: cardSetup } },
    },
    async (request, reply) => {
      const { organizationId } = memberOf(request);
      const setup = await findSetup(deps.payments, organizationId, request.params.id);
      if (setup === undefined) return refuse(reply, 'not_found');
      const refreshed = await refreshSetup(deps.payments, setup);
      return setupView(refreshed.setup);
    },
  );
}

type Asked = Parameters<typeof memberOf>[0];

async function audit(
  deps: ConsoleDeps,
  request: Asked,
  action: AuditAction,
  subject: string,
): Promise<void> {
  const { userId, organizationId } = memberOf(request);
  const requestId = request.id;
  await recordAudit(deps.pool, { organizationId, actor: userId, action, subject, requestId });
}

function cardRoutesOf(app: Api, deps: ConsoleDeps): void {
  const selling = deps.payments.selling ?? DEFAULT_SELLING;
  const options = {
    onRequest: withAbility(deps, 'billing.buy'),
    schema: { params, response: { 200: cardList } },
  };
  const deeds = [
    ['default', makeDefault, 'card.default'],
    ['remove', removeCard, 'card.remove'],
  ] as const;
  for (const [path, deed, action] of deeds) {
    app.post(`/cards/:id/${path}`, options, async (request, reply) => {
      const { organizationId } = memberOf(request);
      const done: CardDone = await deed(deps.payments, organizationId, request.params.id);
      switch (done.outcome) {
        case 'unknown_card':
          return refuse(reply, 'not_found');
        case 'expired_card':
          return refuse(reply, 'card_expired');
        case 'unavailable':
          return refuse(reply, 'processor_unavailable');
        case 'done': {
          await audit(deps, request, action, request.params.id);
          const cards = await savedCards(deps.payments, organizationId);
          return {
            data: cards.map((card) => cardView(card, selling)),
            current: true,
            consent: { ...CURRENT_CONSENT },
          };
        }
      }
    });
  }
}

/** Cards that are kept for later: what they are, how one is added, replaced and removed. */
export function cardRoutes(app: Api, deps: ConsoleDeps): void {
  listRoute(app, deps);
  setupRoutes(app, deps);
  cardRoutesOf(app, deps);
}
