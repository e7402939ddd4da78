import type { QueryClient } from '@tanstack/react-query';
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  notFound,
  parseSearchWith,
  redirect,
  stringifySearchWith,
} from '@tanstack/react-router';
import { noticeLinkRequest } from '#console-api/notices/contract';
import { reloadQuery } from '../api/auto-reload.ts';
import { billingQuery, historyQuery } from '../api/billing.ts';
import { cardsQuery, detailsQuery } from '../api/billing-details.ts';
import { Refusal } from '../api/client.ts';
import { keysQuery } from '../api/keys.ts';
import { limitsQuery } from '../api/limits.ts';
import { noticesQuery } from '../api/notices.ts';
import { overviewQuery } from '../api/operator.ts';
import { meQuery, siteQuery } from '../api/session.ts';
import { watchingQuery } from '../api/watching.ts';
import { webhooksQuery } from '../api/webhooks.ts';
import { BillingPage } from '../features/billing/billing-page.tsx';
import { CardReturnPage } from '../features/billing/card-return-page.tsx';
import { ReturnPage } from '../features/billing/return-page.tsx';
import { HomePage } from '../features/home/home-page.tsx';
import { KeysPage } from '../features/keys/keys-page.tsx';
import { LimitsPage } from '../features/limits/limits-page.tsx';
import { NoticeLinkPage } from '../features/notices/link-page.tsx';
import { MailboxPage } from '../features/notices/mailbox-page.tsx';
import { NoticesPage } from '../features/notices/notices-page.tsx';
import { OperatorPage } from '../features/operator/operator-page.tsx';
import { SignInPage } from '../features/sign-in/sign-in-page.tsx';
import { WebhooksPage } from '../features/webhooks/webhooks-page.tsx';
import { Failed, NotFound, Root, Waiting } from './frame.tsx';
import { NewOrganizationPage } from './new-organization.tsx';
import { Shell } from './shell.tsx';

const text = (search: Record<string, unknown>, name: string) => {
  // The router reads what looks like a number as one, and hands it on as that if it is left out.
  const value = typeof search[name] === 'number' ? String(search[name]) : search[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
};

const root = createRootRouteWithContext<{ queries: QueryClient }>()({
  component: Root,
  notFoundComponent: NotFound,
  errorComponent: Failed,
  beforeLoad: ({ context }) => void context.queries.prefetchQuery(siteQuery),
});

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (search: Record<string, unknown>): { token?: string } => {
    const token = text(search, 'token');
    return token === undefined ? {} : { token };
  },
  component: function SignInRoute() {
    return <SignInPage token={signIn.useSearch().token} />;
  },
});

const inside = createRoute({
  getParentRoute: () => root,
  id: 'inside',
  beforeLoad: async ({ context }) => {
    try {
      return { me: await context.queries.ensureQueryData(meQuery) };
    } catch (error) {
      if (error instanceof Refusal && error.status === 401) throw redirect({ to: '/sign-in' });
      throw error;
    }
  },
  component: Shell,
});

const home = createRoute({ getParentRoute: () => inside, path: '/', component: HomePage });

// Asked for while the page is being built: the answer often arrives before the first paint.
const billing = createRoute({
  getParentRoute: () => inside,
  path: '/settings/billing',
  loader: ({ context: { queries, me } }) => {
    if (me.organization === null || !me.abilities.includes('billing.view')) return;
    void queries.prefetchQuery(billingQuery(me.organization.id));
    void queries.prefetchInfiniteQuery(historyQuery(me.organization.id));
    void queries.prefetchQuery(detailsQuery(me.organization.id));
    void queries.prefetchQuery(cardsQuery(me.organization.id));
    void queries.prefetchQuery(reloadQuery(me.organization.id));
    void queries.prefetchQuery(watchingQuery(me.organization.id));
  },
  validateSearch: (search: Record<string, unknown>): { buy?: string; address?: string } => {
    const buy = text(search, 'buy');
    const address = text(search, 'address');
    return {
      ...(buy === undefined ? {} : { buy }),
      ...(address === undefined ? {} : { address }),
    };
  },
  component: function BillingRoute() {
    const { buy, address } = billing.useSearch();
    return <BillingPage buy={buy} editAddress={address !== undefined} />;
  },
});

const billingReturn = createRoute({
  getParentRoute: () => inside,
  path: '/settings/billing/return',
  validateSearch: (search: Record<string, unknown>): { purchase?: string; canceled?: string } => {
    const purchase = text(search, 'purchase');
    const canceled = text(search, 'canceled');
    return {
      ...(purchase === undefined ? {} : { purchase }),
      ...(canceled === undefined ? {} : { canceled }),
    };
  },
  component: function ReturnRoute() {
    const { purchase, canceled } = billingReturn.useSearch();
    return <ReturnPage purchaseId={purchase} canceled={canceled !== undefined} />;
  },
});

const cardReturn = createRoute({
  getParentRoute: () => inside,
  path: '/settings/billing/card',
  validateSearch: (search: Record<string, unknown>): { setup?: string; canceled?: string } => {
    const setup = text(search, 'setup');
    const canceled = text(search, 'canceled');
    return {
      ...(setup === undefined ? {} : { setup }),
      ...(canceled === undefined ? {} : { canceled }),
    };
  },
  component: function CardReturnRoute() {
    const { setup, canceled } = cardReturn.useSearch();
    return <CardReturnPage setupId={setup} canceled={canceled !== undefined} />;
  },
});

const keys = createRoute({
  getParentRoute: () => inside,
  path: '/settings/keys',
  loader: ({ context: { queries, me } }) => {
    if (me.organization === null) return;
    void queries.prefetchQuery(keysQuery(me.organization.id));
  },
  component: KeysPage,
});

const limits = createRoute({
  getParentRoute: () => inside,
  path: '/settings/limits',
  loader: ({ context: { queries, me } }) => {
    if (me.organization === null || !me.abilities.includes('usage.view')) return;
    void queries.prefetchQuery(limitsQuery(me.organization.id));
  },
  component: LimitsPage,
});

const notices = createRoute({
  getParentRoute: () => inside,
  path: '/settings/notices',
  loader: ({ context: { queries, me } }) => {
    if (me.organization === null || !me.abilities.includes('billing.view')) return;
    void queries.prefetchQuery(noticesQuery(me.organization.id));
  },
  component: NoticesPage,
});

/** Whoever opens a link of a mail need not be anybody who signs in here. */
const noticeLink = createRoute({
  getParentRoute: () => root,
  path: '/notices',
  validateSearch: (search: Record<string, unknown>) => {
    const names = ['do', 'organization', 'address', 'topic', 'signature'];
    return Object.fromEntries(names.map((name) => [name, text(search, name) ?? '']));
  },
  component: function NoticeLinkRoute() {
    const link = noticeLinkRequest.safeParse(noticeLink.useSearch());
    return <NoticeLinkPage link={link.success ? link.data : undefined} />;
  },
});

const mailbox = createRoute({
  getParentRoute: () => root,
  path: '/mailbox',
  validateSearch: (search: Record<string, unknown>): { mail?: string } => {
    const mail = text(search, 'mail');
    return mail === undefined ? {} : { mail };
  },
  component: function MailboxRoute() {
    return <MailboxPage mail={mailbox.useSearch().mail} />;
  },
});

const webhooks = createRoute({
  getParentRoute: () => inside,
  path: '/settings/webhooks',
  loader: ({ context: { queries, me } }) => {
    if (me.organization === null || !me.abilities.includes('webhooks.manage')) return;
    void queries.prefetchQuery(webhooksQuery(me.organization.id));
  },
  component: WebhooksPage,
});

const operator = createRoute({
  getParentRoute: () => inside,
  path: '/operator',
  // As the server answers: for anybody else there is nothing at this address.
  beforeLoad: ({ context: { me } }) => {
    if (me.operator !== true) throw notFound();
  },
  loader: ({ context: { queries } }) => void queries.prefetchQuery(overviewQuery),
  validateSearch: (search: Record<string, unknown>): OperatorSearch => {
    const [find, organization, payment] = ['find', 'organization', 'payment'].map((name) =>
      text(search, name),
    );
    return {
      ...(find === undefined ? {} : { find }),
      ...(organization === undefined ? {} : { organization }),
      ...(payment === undefined ? {} : { payment }),
    };
  },
  component: function OperatorRoute() {
    return <OperatorPage {...operator.useSearch()} />;
  },
});

interface OperatorSearch {
  find?: string;
  organization?: string;
  payment?: string;
}

const settings = createRoute({
  getParentRoute: () => inside,
  path: '/settings',
  beforeLoad: () => {
    throw redirect({ to: '/settings/billing' });
  },
});

const newOrganization = createRoute({
  getParentRoute: () => inside,
  path: '/organizations/new',
  component: NewOrganizationPage,
});

export const createConsoleRouter = (queries: QueryClient) =>
  createRouter({
    routeTree: root.addChildren([
      signIn,
      noticeLink,
      mailbox,
      inside.addChildren([
        home,
        settings,
        billing,
        billingReturn,
        cardReturn,
        keys,
        limits,
        notices,
        webhooks,
        operator,
        newOrganization,
      ]),
    ]),
    context: { queries },
    // Search values are plain text here: an id that looks like a number stays what it is.
    parseSearch: parseSearchWith((value) => value),
    stringifySearch: stringifySearchWith(String),
    defaultPreload: 'intent',
    defaultPendingComponent: Waiting,
    defaultErrorComponent: Failed,
    scrollRestoration: true,
  });
