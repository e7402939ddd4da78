import { useSuspenseQuery } from '@tanstack/react-query';
import type { MeResponse } from '#console-api/contract';
import { type Ability, meQuery } from './session.ts';

export interface Session {
  readonly me: MeResponse;
  readonly organization: { readonly id: string; readonly name: string };
  may(ability: Ability): boolean;
}

/** For pages inside the shell, which are only drawn for a member of an organization. */
export function useSession(): Session {
  const { data: me } = useSuspenseQuery(meQuery);
  if (me.organization === null) throw new Error('a page was drawn without an organization');
  return {
    me,
    organization: me.organization,
    may: (ability) => me.abilities.includes(ability),
  };
}
