import { readDeployment } from '#db/deployment';
import type { Db } from '#db/pool';
import { ID_PREFIXES, type OrganizationId } from '#kernel/ids';
import { readAudience } from '#notices/audience';
import { kindOf } from '#notices/kinds';
import { type Audience, type Recipient, recipientsOf } from '#notices/recipients';
import { unreachedAddresses } from '#notices/sent';
import { emailsOf } from '#orgs/members';
import { savedCards, whyAttended } from '#payments/cards';
import type { PaymentsDeps } from '#payments/deps';
import { type ReloadView, readReload } from '#payments/reload-settings';
import { type Answer, decideWatching } from './decide.ts';
import { TOLD_DUTIES, type ToldDuty } from './duties.ts';
import type { Facts } from './facts.ts';
import type { Actor, WatchingEndpoint } from './watchers.ts';

export interface WatchingDeps {
  readonly payments: PaymentsDeps;
  /** The programs of an organization that are told; none where nobody keeps any. */
  readonly endpoints?: (db: Db, organizationId: OrganizationId) => Promise<WatchingEndpoint[]>;
}

/** Who does each duty at this moment, from everybody's own home. Writes nothing. */
export async function readWatching(
  { payments, endpoints }: WatchingDeps,
  organizationId: OrganizationId,
): Promise<Answer[]> {
  const { pool, selling } = payments;
  const [{ now }, audience, failed, told, reload, cards] = await Promise.all([
    readDeployment(pool),
    readAudience(pool, organizationId),
    unreachedAddresses(pool, organizationId),
    endpoints?.(pool, organizationId) ?? [],
    readReload(pool, organizationId),
    savedCards(payments, organizationId),
  ]);
  const { lowBalance, runwayDays } = audience.settings;
  const facts: Facts = {
    now,
    members: audience.members,
    told: toldBy(audience),
    unreached: new Set(failed.map(({ address }) => address)),
    endpoints: told,
    marked: lowBalance !== null || runwayDays !== null,
    reload: {
      enabled: reload.settings?.enabled === true,
      paused: reload.paused,
      actors: await actorsOf(pool, reload),
    },
    cards: cards.map((card) => ({ ...card, chargeable: whyAttended(card, selling) === null })),
  };
  return decideWatching(facts);
}

const toldBy = (audience: Audience): Facts['told'] => {
  const told = (duty: ToldDuty): readonly Recipient[] =>
    recipientsOf(kindOf(TOLD_DUTIES[duty][0]).topic, audience);
  return { low: told('low'), access: told('access'), payments: told('payments') };
};

/** Ids say whether a person or a program did it; whoever is nobody's here runs the deployment. */
async function actorsOf(db: Db, { settings }: ReloadView): Promise<Actor[]> {
  if (settings === undefined) return [];
  const { changedBy, consentBy } = settings;
  const ids = [...new Set([changedBy, consentBy ?? changedBy])];
  const emails = await emailsOf(db, ids);
  return ids.map((id): Actor => {
    const email = emails.get(id);
    if (email !== undefined) return { by: 'person', email };
    return { by: id.startsWith(ID_PREFIXES.apiKey) ? 'program' : 'operator' };
  });
}
