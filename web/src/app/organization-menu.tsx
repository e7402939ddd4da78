import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link, useRouter } from '@tanstack/react-router';
import { type KeyboardEvent, useRef } from 'react';
import type { MeResponse } from '#console-api/contract';
import { meQuery, selectOrganization } from '../api/session.ts';
import { roleName } from '../ui/roles.ts';

type Organization = NonNullable<MeResponse['organization']>;

/** The current organization; opens to the others and to making a new one. */
export function OrganizationMenu(props: {
  current: Organization;
  all: MeResponse['organizations'];
  email: string;
}) {
  const menu = useRef<HTMLDetailsElement>(null);
  const summary = useRef<HTMLElement>(null);
  const queries = useQueryClient();
  const router = useRouter();

  const close = () => menu.current?.removeAttribute('open');
  const select = useMutation({
    mutationFn: selectOrganization,
    onSuccess: async (me) => {
      queries.setQueryData(meQuery.queryKey, me);
      close();
      summary.current?.focus();
      await router.invalidate();
    },
  });
  const closeOnEscape = (event: KeyboardEvent) => {
    if (event.key !== 'Escape') return;
    close();
    summary.current?.focus();
  };

  return (
    <details
      className="menu"
      ref={menu}
      onKeyDown={closeOnEscape}
      onBlur={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget)) close();
      }}
    >
      <summary ref={summary}>
        <span className="visually-hidden">Organization: </span>
        <span className="menu-current">{props.current.name}</span>
      </summary>
      <div className="menu-list">
        <p className="menu-person hint">Signed in as {props.email}</p>
        <ul>
          {props.all.map((organization) => (
            <li key={organization.id}>
              <button
                type="button"
                className="menu-item"
                aria-current={organization.id === props.current.id}
                disabled={select.isPending}
                onClick={() => select.mutate(organization.id)}
              >
                <span>{organization.name}</span>
                <span className="hint">{roleName(organization.role)}</span>
              </button>
            </li>
          ))}
        </ul>
        {select.isError && (
          <p role="alert" className="field-problem">
            {select.error.message}
          </p>
        )}
        <Link to="/organizations/new" className="menu-item menu-new" onClick={close}>
          New organization
        </Link>
      </div>
    </details>
  );
}
