import { useQuery } from '@tanstack/react-query';
import { type ErrorComponentProps, Link, Outlet, useRouter } from '@tanstack/react-router';
import { siteQuery } from '../api/session.ts';
import { Brand } from '../ui/brand.ts';
import { Page } from '../ui/page.tsx';
import { Problem } from '../ui/problem.tsx';
import { Skeleton } from '../ui/skeleton.tsx';

export function Root() {
  const site = useQuery(siteQuery);
  return (
    <Brand value={site.data?.brand}>
      <Outlet />
    </Brand>
  );
}

export function NotFound() {
  return (
    <main className="lone" id="main">
      <Page title="Page not found" lead="There is nothing at this address.">
        <p>
          <Link to="/">Go to the start page</Link>
        </p>
      </Page>
    </main>
  );
}

export function Failed({ error, reset }: ErrorComponentProps) {
  const router = useRouter();
  const retry = () => {
    reset();
    void router.invalidate();
  };
  return (
    <main className="lone" id="main">
      <Page title="This page could not be shown">
        <Problem error={error} retry={retry} />
      </Page>
    </main>
  );
}

export function Waiting() {
  return (
    <main className="lone" id="main">
      <Skeleton rows={4} label="Loading the Console" />
    </main>
  );
}
