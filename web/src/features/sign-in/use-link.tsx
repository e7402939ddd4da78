import { useMutation } from '@tanstack/react-query';
import { completeSignIn } from '../../api/session.ts';
import { Page } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';

/** Mail scanners open links. Only this button uses one up, so a scanner burns nothing. */
export function UseLink({ token }: { token: string }) {
  const complete = useMutation({
    mutationFn: completeSignIn,
    // A full load: no trace of the token stays in this page's history or memory.
    onSuccess: () => window.location.replace('/'),
  });
  const busy = complete.isPending || complete.isSuccess;
  return (
    <Page
      title="Sign in"
      lead="You opened a sign-in link. Continue only if you asked for it yourself, just now."
    >
      {complete.isError && <Problem error={complete.error} />}
      {complete.isError ? (
        <p>
          <a href="/sign-in">Ask for a new link</a>
        </p>
      ) : (
        <button
          type="button"
          className="button button-primary"
          disabled={busy}
          onClick={() => complete.mutate(token)}
        >
          {busy ? 'Signing in…' : 'Sign in as this person'}
        </button>
      )}
    </Page>
  );
}
