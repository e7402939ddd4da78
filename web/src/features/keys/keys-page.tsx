import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { ApiKey } from '#console-api/contract';
import { changeKey, keysQuery } from '../../api/keys.ts';
import { useWatch, watchQuery } from '../../api/spend-watch.ts';
import { useSession } from '../../api/use-session.ts';
import { Empty, Notice } from '../../ui/notice.tsx';
import { Page } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { roleName } from '../../ui/roles.ts';
import { Skeleton } from '../../ui/skeleton.tsx';
import { AnomalyNotices } from '../spend-watch/anomaly-notices.tsx';
import { evidence } from '../spend-watch/words.ts';
import { CreateKeyDialog } from './create-key-dialog.tsx';
import { type KeyActions, KeyTable, type SwitchMove } from './key-table.tsx';
import { RevokeKeyDialog } from './revoke-key-dialog.tsx';

export function KeysPage() {
  const { me, organization, may } = useSession();
  const keys = useQuery(keysQuery(organization.id));
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<ApiKey>();
  const mayManage = may('keys.manage');
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: ({ id, move }: { id: string; move: SwitchMove }) => changeKey(id, move),
    onSettled: () =>
      Promise.all([
        queries.invalidateQueries(keysQuery(organization.id)),
        queries.invalidateQueries(watchQuery(organization.id)),
      ]),
  });
  const open = useWatch().data?.anomalies.filter(({ state }) => state === 'open') ?? [];
  const reasons = new Map(open.map((one) => [one.subject_id, evidence(one)]));
  const actions: KeyActions = {
    switch: ({ id }, move) => change.mutate({ id, move }),
    revoke: setRevoking,
  };

  const create = (
    <button type="button" className="button button-primary" onClick={() => setCreating(true)}>
      Create key
    </button>
  );

  return (
    <Page
      title="API keys"
      lead={`Keys let programs spend the credits of ${organization.name}.`}
      actions={mayManage && create}
    >
      {!mayManage && (
        <Notice tone="quiet" title={`Your role, ${roleName(me.role)}, cannot change API keys`}>
          <p>Ask an admin of {organization.name} to create or revoke a key for you.</p>
        </Notice>
      )}
      <AnomalyNotices on="keys" />
      {change.isError && <Problem error={change.error} />}
      {keys.isPending && <Skeleton rows={4} label="Loading API keys" />}
      {keys.isError && <Problem error={keys.error} retry={() => void keys.refetch()} />}
      {keys.data?.data.length === 0 && (
        <Empty title="No API keys yet">
          <p>A key is shown once, when it is created. Keep it like a password.</p>
        </Empty>
      )}
      {keys.data !== undefined && keys.data.data.length > 0 && (
        <KeyTable
          keys={keys.data.data}
          now={keys.data.now}
          reasons={reasons}
          actions={mayManage ? actions : undefined}
        />
      )}
      {creating && (
        <CreateKeyDialog organizationId={organization.id} onClose={() => setCreating(false)} />
      )}
      {revoking !== undefined && (
        <RevokeKeyDialog
          organizationId={organization.id}
          apiKey={revoking}
          onClose={() => setRevoking(undefined)}
        />
      )}
    </Page>
  );
}
