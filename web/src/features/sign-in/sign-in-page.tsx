import { useQuery } from '@tanstack/react-query';
import { siteQuery } from '../../api/session.ts';
import { AskForLink } from './ask-for-link.tsx';
import { UseLink } from './use-link.tsx';

/** Without a token: ask for a link. With one: use it, but only when a person presses. */
export function SignInPage({ token }: { token: string | undefined }) {
  const site = useQuery(siteQuery);
  return (
    <main className="lone" id="main">
      <p className="brand">
        <img src="/mark.svg" alt="" width="26" height="26" />
        <span>{site.data?.brand ?? ' '}</span>
      </p>
      {token === undefined ? <AskForLink /> : <UseLink token={token} />}
    </main>
  );
}
