import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { LimitsResponse, SpendLimit } from '#console-api/contract';
import { limitsQuery } from '../../api/limits.ts';
import { useSession } from '../../api/use-session.ts';
import { Notice } from '../../ui/notice.tsx';
import { Page, Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { roleName } from '../../ui/roles.ts';
import { Skeleton } from '../../ui/skeleton.tsx';
import { WatchSection } from '../spend-watch/watch-section.tsx';
import { LimitChanges } from './limit-changes.tsx';
import { LimitDialog } from './limit-dialog.tsx';
import { RateTable } from './rate-table.tsx';
import { SpendTable } from './spend-table.tsx';
import { HOLDS } from './words.ts';

export function LimitsPage() {
  const { may } = useSession();
  return may('usage.view') ? <Limits /> : <LimitsHidden />;
}

function LimitsHidden() {
  const { me, organization } = useSession();
  return (
    <Page title="Limits">
      <Notice tone="quiet" title={`Your role, ${roleName(me.role)}, does not include limits`}>
        <p>A developer, a billing member or an admin of {organization.name} can see them.</p>
      </Notice>
    </Page>
  );
}

function Limits() {
  const { me, organization, may } = useSession();
  const limits = useQuery(limitsQuery(organization.id));
  const mayManage = may('limits.manage');
  return (
    <Page
      title="Limits"
      lead={`How much ${organization.name} may spend in a month, and how much it may ask for in a minute.`}
    >
      {!mayManage && (
        <Notice tone="quiet" title={`Your role, ${roleName(me.role)}, cannot set limits`}>
          <p>An admin of {organization.name} can.</p>
        </Notice>
      )}
      {limits.isPending && <Skeleton rows={5} label="Loading limits" />}
      {limits.isError && limits.data === undefined && (
        <Problem error={limits.error} retry={() => void limits.refetch()} />
      )}
      {limits.data !== undefined && (
        <>
          <Spending spending={limits.data.spending} mayManage={mayManage} />
          <WatchSection mayManage={mayManage} />
          <Rates rates={limits.data.rates} organization={organization.name} />
          <Section title="What is held">
            <p className="prose">
              <strong>{HOLDS[limits.data.hold_policy].name}.</strong>{' '}
              {HOLDS[limits.data.hold_policy].sentence}
            </p>
          </Section>
        </>
      )}
    </Page>
  );
}

/** A limit to change, or none yet. */
type Editing = SpendLimit | 'new';

function Spending(props: { spending: LimitsResponse['spending']; mayManage: boolean }) {
  const { spending, mayManage } = props;
  const { organization } = useSession();
  const [editing, setEditing] = useState<Editing>();
  const create = mayManage && spending.unlimited.length > 0 && (
    <button type="button" className="button" onClick={() => setEditing('new')}>
      Set a limit
    </button>
  );
  return (
    <Section title="Spend limits" actions={create}>
      <SpendTable spending={spending} onChange={mayManage ? setEditing : undefined} />
      {spending.changes.length > 0 && <LimitChanges changes={spending.changes} />}
      {editing !== undefined && (
        <LimitDialog
          organizationId={organization.id}
          limit={editing === 'new' ? undefined : editing}
          unlimited={spending.unlimited}
          onClose={() => setEditing(undefined)}
        />
      )}
    </Section>
  );
}

function Rates(props: { rates: LimitsResponse['rates']; organization: string }) {
  const { tier, limits } = props.rates;
  return (
    <Section title="Rate limits">
      <p className="prose">
        {tier === null ? (
          `${props.organization} is in no tier: requests and tokens are not limited by the minute.`
        ) : (
          <>
            Of tier <strong>{tier}</strong>, for each minute, shared by all workspaces and keys.
            Tokens read from a cache do not count. Another tier is your operator’s to give.
          </>
        )}
      </p>
      {tier !== null && <RateTable limits={limits} />}
    </Section>
  );
}
