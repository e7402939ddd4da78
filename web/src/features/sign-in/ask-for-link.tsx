import { useMutation, useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { requestLink, siteQuery } from '../../api/session.ts';
import { Field } from '../../ui/field.tsx';
import { Page } from '../../ui/page.tsx';
import { explain } from '../../ui/problem.tsx';

const LOOKS_LIKE_EMAIL = /^[^\s@]+@[^\s@]+$/;

/** Without a mail server the link is not in any mailbox but this. */
function DevelopmentMailbox() {
  const site = useQuery(siteQuery);
  if (site.data?.mailbox !== true) return null;
  return (
    <p className="hint">
      No mail server is configured here: <Link to="/mailbox">open the development mailbox</Link>.
    </p>
  );
}

export function AskForLink() {
  const [email, setEmail] = useState('');
  const [problem, setProblem] = useState<string>();
  const ask = useMutation({
    mutationFn: requestLink,
    onError: (error) => setProblem(explain(error).message),
  });

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const address = email.trim();
    if (!LOOKS_LIKE_EMAIL.test(address)) {
      return setProblem('E-mail address: enter an address such as ada@example.com.');
    }
    setProblem(undefined);
    ask.mutate(address);
  };

  if (ask.isSuccess) {
    return (
      <Page
        key="sent"
        title="Check your mail"
        lead={
          <>
            If <strong>{email.trim()}</strong> can sign in here, a link is on its way. It works
            once, for {ask.data.valid_minutes} minutes.
          </>
        }
      >
        <p className="hint">Nothing there? Look in the spam folder, or check the address.</p>
        <DevelopmentMailbox />
        <button type="button" className="button" onClick={() => ask.reset()}>
          Use another address
        </button>
      </Page>
    );
  }

  return (
    <Page key="ask" title="Sign in" lead="We send a link to your mailbox. There is no password.">
      <form className="form" onSubmit={submit} noValidate>
        <Field
          label="E-mail address"
          type="email"
          name="email"
          autoComplete="email"
          inputMode="email"
          value={email}
          problem={problem}
          onChange={(event) => setEmail(event.target.value)}
        />
        <button type="submit" className="button button-primary" disabled={ask.isPending}>
          {ask.isPending ? 'Sending…' : 'Send me a link'}
        </button>
      </form>
    </Page>
  );
}
