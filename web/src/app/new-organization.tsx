import { useMutation, useQueryClient, useSuspenseQuery } from '@tanstack/react-query';
import { useRouter } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { createOrganization, meQuery } from '../api/session.ts';
import { Field } from '../ui/field.tsx';
import { Page } from '../ui/page.tsx';
import { explain } from '../ui/problem.tsx';

/** Names the organization that will own credits and keys; its maker becomes its first admin. */
export function NewOrganizationPage() {
  const queries = useQueryClient();
  const router = useRouter();
  const { data: me } = useSuspenseQuery(meQuery);
  const [name, setName] = useState('');
  const [problem, setProblem] = useState<string>();

  const create = useMutation({
    mutationFn: createOrganization,
    onSuccess: async (next) => {
      queries.setQueryData(meQuery.queryKey, next);
      await router.invalidate();
      await router.navigate({ to: '/' });
    },
    onError: (error) => setProblem(explain(error).message),
  });

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const chosen = name.trim();
    if (chosen === '') return setProblem('Organization name: enter a name.');
    setProblem(undefined);
    create.mutate(chosen);
  };

  return (
    <Page
      title={me.organization === null ? 'Name your organization' : 'New organization'}
      lead="An organization owns credits and API keys. You become its admin."
    >
      <form className="form" onSubmit={submit} noValidate>
        <Field
          label="Organization name"
          hint="Usually the name of your company or team."
          name="organization"
          autoComplete="organization"
          maxLength={100}
          value={name}
          problem={problem}
          onChange={(event) => setName(event.target.value)}
        />
        <button type="submit" className="button button-primary" disabled={create.isPending}>
          {create.isPending ? 'Creating…' : 'Create organization'}
        </button>
      </form>
    </Page>
  );
}
