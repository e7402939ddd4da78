import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { Refusal } from '../api/client.ts';
import { createConsoleRouter } from './router.tsx';
import '../ui/styles/tokens.css';
import '../ui/styles/base.css';
import '../ui/styles/shell.css';
import '../ui/styles/controls.css';
import '../ui/styles/page.css';
import '../ui/styles/money.css';
import '../ui/styles/table.css';
import '../ui/styles/notice.css';
import '../ui/styles/dialog.css';
import '../ui/styles/purchase.css';
import '../ui/styles/billing.css';
import '../ui/styles/steps.css';
import '../ui/styles/history.css';
import '../ui/styles/notices.css';
import '../ui/styles/webhooks.css';
import '../ui/styles/operator.css';
import '../ui/styles/watching.css';

// A full load forgets everything the last person saw, which a change of page would not.
const leaveWhenSignedOut = (error: unknown) => {
  const signedOut = error instanceof Refusal && error.status === 401;
  if (signedOut && window.location.pathname !== '/sign-in') window.location.replace('/sign-in');
};

const isWorthRetrying = (failures: number, error: unknown) =>
  failures < 2 && error instanceof Refusal && (error.status === 0 || error.status >= 500);

const queryClient = new QueryClient({
  queryCache: new QueryCache({ onError: leaveWhenSignedOut }),
  mutationCache: new MutationCache({ onError: leaveWhenSignedOut }),
  defaultOptions: { queries: { retry: isWorthRetrying, staleTime: 2_000 } },
});

const router = createConsoleRouter(queryClient);

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');

createRoot(root).render(
  <StrictMode>
    <QueryClientProvider client={queryClient}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
