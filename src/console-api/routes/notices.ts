import { recordAudit } from '#identity/audit';
import { formatUsd, parseUsd } from '#kernel/money';
import { addAddress, dropAddress, followLink, resumeTopic } from '#notices/addresses';
import { lookAtCredit } from '#notices/credit-watch';
import {
  addedAddresses,
  optedOut,
  PROBLEM_WORDS,
  sentNotices,
  unreachedAddresses,
} from '#notices/sent';
import { type NoticeSettings, readSettings, storeSettings } from '#notices/settings';
import { CHOSEN_TOPICS, parseTopic, TOPIC_ROWS } from '#notices/topics';
import type { Role } from '#orgs/roles';
import type { Api, ConsoleDeps } from '../deps.ts';
import {
  type NoticeRole,
  type NoticesResponse,
  noticeAddressRemoval,
  noticeAddressRequest,
  noticeLinkRequest,
  noticeLinkResponse,
  noticeResumeRequest,
  noticeSettingsRequest,
  noticesResponse,
} from '../notices/contract.ts';
import { refuse } from '../refusals.ts';
import { memberOf, viewerOf, withAbility } from '../viewer.ts';

const shown = { response: { 200: noticesResponse } };

/** Screen "Notices": who is told what, and what was told to whom. */
export function noticeRoutes(app: Api, deps: ConsoleDeps): void {
  const mayRead = withAbility(deps, 'billing.view');
  const mayChange = withAbility(deps, 'billing.buy');

  app.get('/notices', { onRequest: mayRead, schema: shown }, (request) =>
    viewOf(deps, viewerOf(request)),
  );

  app.post(
    '/notices/settings',
    { onRequest: mayChange, schema: { body: noticeSettingsRequest, ...shown } },
    async (request, reply) => {
      const { organizationId, userId } = memberOf(request);
      const { body } = request;
      const asked = body.low_balance_usd;
      const lowBalance = asked === null || asked === '' ? null : parseUsd(asked);
      if (lowBalance === undefined) {
        const message = 'Enter an amount in US dollars, such as 5, or nothing.';
        return refuse(reply, 'notices_invalid', { field: 'low_balance_usd', message });
      }
      const saved = await deps.pool.transaction(async (tx) => {
        const before = await readSettings(tx, organizationId);
        const { runway_days: runwayDays, limit_steps: limitSteps, digest } = body;
        const roles = { ...before.roles };
        for (const [name, chosen] of Object.entries(body.roles)) {
          const topic = parseTopic(name);
          if (topic !== undefined && CHOSEN_TOPICS.includes(topic)) roles[topic] = chosen;
        }
        const settings: NoticeSettings = { lowBalance, runwayDays, limitSteps, digest, roles };
        const told = await storeSettings(tx, organizationId, settings, userId);
        if (told.outcome === 'saved') await audit(tx, request.id, memberOf(request), 'settings');
        return told;
      });
      if (saved.outcome === 'invalid') {
        return refuse(reply, 'notices_invalid', { field: saved.field, message: saved.message });
      }
      await lookAtCredit(deps, organizationId, 'settings');
      return viewOf(deps, viewerOf(request));
    },
  );

  addressRoutes(app, deps);
  linkRoute(app, deps);
}

function addressRoutes(app: Api, deps: ConsoleDeps): void {
  const mayChange = withAbility(deps, 'billing.buy');

  app.post(
    '/notices/addresses',
    { onRequest: mayChange, schema: { body: noticeAddressRequest, ...shown } },
    async (request, reply) => {
      const { organizationId, userId: actor } = memberOf(request);
      const { address, topics } = request.body;
      const added = await deps.pool.transaction(async (tx) => {
        const told = await addAddress(deps, tx, { organizationId, address, topics, actor });
        if (told.outcome === 'added') await audit(tx, request.id, memberOf(request), 'address');
        return told;
      });
      if (added.outcome !== 'added') return refuse(reply, `notice_address_${added.outcome}`);
      return viewOf(deps, viewerOf(request));
    },
  );

  app.post(
    '/notices/addresses/remove',
    { onRequest: mayChange, schema: { body: noticeAddressRemoval, ...shown } },
    async (request, reply) => {
      const { organizationId } = memberOf(request);
      const gone = await deps.pool.transaction(async (tx) => {
        const dropped = await dropAddress(tx, organizationId, request.body.address);
        if (dropped) await audit(tx, request.id, memberOf(request), 'address');
        return dropped;
      });
      return gone ? viewOf(deps, viewerOf(request)) : refuse(reply, 'not_found');
    },
  );

  app.post(
    '/notices/resume',
    {
      onRequest: withAbility(deps, 'billing.view'),
      schema: { body: noticeResumeRequest, ...shown },
    },
    async (request) => {
      const viewer = viewerOf(request);
      const { organizationId } = memberOf(request);
      await resumeTopic(deps.pool, organizationId, viewer.email, request.body.topic);
      return viewOf(deps, viewer);
    },
  );
}

/** Without a guard: the signature says who may. */
function linkRoute(app: Api, deps: ConsoleDeps): void {
  app.post(
    '/notices/link',
    { schema: { body: noticeLinkRequest, response: { 200: noticeLinkResponse } } },
    async (request, reply) => {
      const { do: deed, organization: organizationId, address, topic, signature } = request.body;
      const subject = { deed, organizationId, address, topic };
      const followed = await followLink(deps, subject, signature);
      if (followed.outcome === 'link_invalid') return refuse(reply, 'notice_link_invalid');
      return {
        done:
          followed.outcome === 'stopped'
            ? `${address} gets no more mails about: ${TOPIC_ROWS[followed.topic].title}.`
            : DONE_WORDS[followed.outcome](address, deps.brand),
      };
    },
  );
}

const DONE_WORDS = {
  confirmed: (address: string, brand: string) => `${brand} now sends notices to ${address}.`,
  removed: (address: string, brand: string) => `${brand} sends nothing more to ${address}.`,
};

const audit = (
  tx: Parameters<typeof recordAudit>[0],
  requestId: string,
  { organizationId, userId: actor }: ReturnType<typeof memberOf>,
  reason: string,
): Promise<void> =>
  recordAudit(tx, {
    ...{ organizationId, actor, action: 'notices.set', subject: organizationId, reason, requestId },
  });

const told = (roles: readonly Role[]): NoticeRole[] =>
  roles.flatMap((role) => (role === 'user' || role === 'claude_code_user' ? [] : [role]));

async function viewOf(
  deps: ConsoleDeps,
  { current, email }: ReturnType<typeof viewerOf>,
): Promise<NoticesResponse> {
  const { pool, brand } = deps;
  const id = current?.id ?? '';
  const setting = { brand, organization: current?.name ?? '' };
  const [settings, notices, addresses, optOuts, failed] = await Promise.all([
    readSettings(pool, id),
    sentNotices(pool, id, setting),
    addedAddresses(pool, id),
    optedOut(pool, id),
    unreachedAddresses(pool, id),
  ]);
  const words = (problem: string | null): string | null =>
    problem === null ? null : (PROBLEM_WORDS[problem] ?? 'it could not be delivered');
  return {
    settings: {
      low_balance_usd: settings.lowBalance === null ? null : formatUsd(settings.lowBalance),
      runway_days: settings.runwayDays,
      limit_steps: [...settings.limitSteps],
      digest: settings.digest,
    },
    topics: CHOSEN_TOPICS.map((topic) => {
      const { title, about, mandatory } = TOPIC_ROWS[topic];
      return { topic, title, about, mandatory, roles: told(settings.roles[topic]) };
    }),
    addresses: addresses.map(({ address, topics, confirmedAt }) => ({
      ...{ address, topics: [...topics] },
      confirmed_at: confirmedAt?.toISOString() ?? null,
    })),
    opt_outs: optOuts.flatMap(({ address, topic: name }) => {
      const topic = parseTopic(name);
      if (topic === undefined) return [];
      return [{ address, topic, title: TOPIC_ROWS[topic].title, mine: address === email }];
    }),
    unreached: failed.map(({ address, problem, at }) => ({
      ...{ address, at: at.toISOString() },
      words: words(problem) ?? '',
    })),
    notices: notices.map(({ id: notice, at, severity, headline, mails }) => ({
      ...{ id: notice, at: at.toISOString(), severity, headline },
      mails: mails.map((mail) => ({
        ...{ address: mail.address, state: mail.state, words: words(mail.problem) },
        at: mail.at?.toISOString() ?? null,
      })),
    })),
  };
}
