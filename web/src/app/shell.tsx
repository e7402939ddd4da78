import { useMutation, useQuery, useSuspenseQuery } from '@tanstack/react-query';
import { Link, Outlet, useLocation } from '@tanstack/react-router';
import { meQuery, signOut, siteQuery } from '../api/session.ts';
import { NewOrganizationPage } from './new-organization.tsx';
import { OrganizationMenu } from './organization-menu.tsx';

/** What surrounds every page of a signed-in person: brand, organization, navigation, sign-out. */
export function Shell() {
  const { data: me } = useSuspenseQuery(meQuery);
  const onOperatorPage = useLocation({ select: ({ pathname }) => pathname === '/operator' });
  // An operator need not belong to any of the organizations.
  const looksAfterAll = me.operator === true && onOperatorPage;
  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <header className="side">
        <Link to="/" className="brand">
          <img src="/mark.svg" alt="" width="26" height="26" />
          <span>{me.brand}</span>
        </Link>
        {me.organization !== null && (
          <OrganizationMenu
            current={me.organization}
            all={me.organizations}
            email={me.user.email}
          />
        )}
        {(me.organization !== null || me.operator === true) && (
          <Navigation member={me.organization !== null} operator={me.operator === true} />
        )}
        <div className="side-foot">
          {me.simulated && <p className="simulated">Simulation: no real money moves.</p>}
          <MailboxLink />
          <Account email={me.user.email} />
        </div>
      </header>
      <main id="main" tabIndex={-1}>
        {me.organization === null && !looksAfterAll ? <NewOrganizationPage /> : <Outlet />}
      </main>
    </div>
  );
}

/** Only in development, without a mail server. */
function MailboxLink() {
  const site = useQuery(siteQuery);
  if (site.data?.mailbox !== true) return null;
  return (
    <p className="side-mailbox">
      <Link to="/mailbox">Mailbox</Link>
    </p>
  );
}

function Navigation({ member, operator }: { member: boolean; operator: boolean }) {
  return (
    <nav aria-label="Main">
      <ul>
        {member && (
          <>
            <li>
              <Link to="/" activeOptions={{ exact: true }}>
                Home
              </Link>
            </li>
            <li>
              <Link to="/settings/billing">Billing</Link>
            </li>
            <li>
              <Link to="/settings/keys">API keys</Link>
            </li>
            <li>
              <Link to="/settings/limits">Limits</Link>
            </li>
            <li>
              <Link to="/settings/notices">Notices</Link>
            </li>
            <li>
              <Link to="/settings/webhooks">Webhooks</Link>
            </li>
          </>
        )}
        {operator && (
          <li>
            <Link to="/operator" activeOptions={{ includeSearch: false }}>
              Operator
            </Link>
          </li>
        )}
      </ul>
    </nav>
  );
}

function Account({ email }: { email: string }) {
  const leave = useMutation({
    mutationFn: signOut,
    onSuccess: () => window.location.replace('/sign-in'),
  });
  return (
    <div className="account">
      <span className="account-email" title={email}>
        {email}
      </span>
      <button
        type="button"
        className="button button-plain"
        disabled={leave.isPending}
        onClick={() => leave.mutate()}
      >
        Sign out
      </button>
      {leave.isError && (
        <p role="alert" className="field-problem">
          You are still signed in: the Console did not answer.
        </p>
      )}
    </div>
  );
}
