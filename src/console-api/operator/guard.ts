import type { ConsoleDeps } from '../deps.ts';
import { refuse } from '../refusals.ts';
import { type Guard, signedIn, viewerOf } from '../viewer.ts';

/** Lets operators in. To everybody else who is signed in there is nothing here. */
export function asOperator(deps: ConsoleDeps): Guard {
  const known = signedIn(deps);
  return async (request, reply) => {
    const refused = await known(request, reply);
    if (refused !== undefined) return refused;
    return viewerOf(request).operator ? undefined : refuse(reply, 'not_found');
  };
}

/** For what changes something: a cookie that lies about for weeks must not move money. */
export function asFreshOperator(deps: ConsoleDeps): Guard {
  const operator = asOperator(deps);
  return async (request, reply) => {
    const refused = await operator(request, reply);
    if (refused !== undefined) return refused;
    return viewerOf(request).fresh ? undefined : refuse(reply, 'sign_in_again');
  };
}
