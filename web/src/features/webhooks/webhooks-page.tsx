import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { WebhookEndpoint } from '#console-api/webhooks/contract';
import { useSession } from '../../api/use-session.ts';
import { actOn, type EndpointDeed, webhooksQuery } from '../../api/webhooks.ts';
import { Empty, Notice } from '../../ui/notice.tsx';
import { Page, Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { roleName } from '../../ui/roles.ts';
import { Skeleton } from '../../ui/skeleton.tsx';
import { DeliveryLog } from './delivery-log.tsx';
import { EndpointDialog } from './endpoint-dialog.tsx';
import { EndpointList } from './endpoint-list.tsx';
import { RemoveDialog } from './remove-dialog.tsx';
import { RotateDialog } from './rotate-dialog.tsx';
import { nameOf } from './words.ts';

export function WebhooksPage() {
  const { may, me, organization } = useSession();
  if (may('webhooks.manage')) return <Webhooks />;
  return (
    <Page title="Webhooks">
      <Notice tone="quiet" title={`Your role, ${roleName(me.role)}, does not include webhooks`}>
        <p>An admin of {organization.name} can see and change them.</p>
      </Notice>
    </Page>
  );
}

/** What lies over the page, and for which endpoint; a new one has none yet. */
type Open =
  | { readonly dialog: 'new' }
  | { readonly dialog: 'edit' | 'rotate' | 'remove'; readonly endpoint: WebhookEndpoint };

function Webhooks() {
  const { organization } = useSession();
  const queries = useQueryClient();
  const webhooks = useQuery(webhooksQuery(organization.id));
  const [open, setOpen] = useState<Open>();
  const [chosen, setChosen] = useState<string>();
  const act = useMutation({
    mutationFn: ({ id, deed }: { id: string; deed: EndpointDeed }) => actOn(id, deed),
    onSettled: () => queries.invalidateQueries(webhooksQuery(organization.id)),
  });
  const endpoints = webhooks.data?.endpoints ?? [];
  const shown = endpoints.find(({ id }) => id === chosen) ?? endpoints[0];
  const full = endpoints.length >= (webhooks.data?.endpoints_max ?? 1);
  const add = (
    <button
      type="button"
      className="button button-primary"
      onClick={() => setOpen({ dialog: 'new' })}
    >
      Add endpoint
    </button>
  );
  return (
    <Page
      title="Webhooks"
      lead={`Programs of ${organization.name} are told what happens to its credit, keys and payments: each event is sent to a URL of yours.`}
      actions={webhooks.data !== undefined && !full && add}
    >
      {webhooks.isPending && <Skeleton rows={3} label="Loading webhook endpoints" />}
      {webhooks.isError && webhooks.data === undefined && (
        <Problem error={webhooks.error} retry={() => void webhooks.refetch()} />
      )}
      {act.isError && <Problem error={act.error} />}
      {webhooks.data !== undefined && endpoints.length === 0 && (
        <Empty title="No endpoints yet">
          <p>Add the URL of a server of yours. It gets its own secret to check signatures with.</p>
        </Empty>
      )}
      {endpoints.length > 0 && (
        <Section title="Endpoints">
          <EndpointList
            endpoints={endpoints}
            shown={shown?.id}
            onShow={setChosen}
            onOpen={(dialog, endpoint) => setOpen({ dialog, endpoint })}
            onDeed={(endpoint, deed) => {
              setChosen(endpoint.id);
              act.mutate({ id: endpoint.id, deed });
            }}
          />
          {full && (
            <p className="hint">An organization has at most {endpoints.length} endpoints.</p>
          )}
        </Section>
      )}
      {shown !== undefined && (
        <Section title={`Sent to ${nameOf(shown)}`}>
          <DeliveryLog key={shown.id} organizationId={organization.id} endpoint={shown} />
        </Section>
      )}
      <Dialogs
        open={open}
        types={webhooks.data?.types ?? []}
        organizationId={organization.id}
        onClose={() => setOpen(undefined)}
      />
    </Page>
  );
}

function Dialogs(props: {
  open: Open | undefined;
  types: Parameters<typeof EndpointDialog>[0]['types'];
  organizationId: string;
  onClose: () => void;
}) {
  const { open, types, ...rest } = props;
  if (open === undefined) return null;
  if (open.dialog === 'new') return <EndpointDialog endpoint={undefined} types={types} {...rest} />;
  const { endpoint } = open;
  if (open.dialog === 'edit') return <EndpointDialog endpoint={endpoint} types={types} {...rest} />;
  return open.dialog === 'rotate' ? (
    <RotateDialog endpoint={endpoint} {...rest} />
  ) : (
    <RemoveDialog endpoint={endpoint} {...rest} />
  );
}
