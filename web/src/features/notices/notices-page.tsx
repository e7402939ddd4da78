import { useQuery, useQueryClient } from '@tanstack/react-query';
import type { NoticesResponse } from '#console-api/notices/contract';
import { noticesQuery } from '../../api/notices.ts';
import { useSession } from '../../api/use-session.ts';
import { Moment } from '../../ui/moment.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Page, Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { roleName } from '../../ui/roles.ts';
import { Skeleton } from '../../ui/skeleton.tsx';
import { Addresses } from './addresses.tsx';
import { SentList } from './sent-list.tsx';
import { SettingsForm } from './settings-form.tsx';
import { Unsubscribed } from './unsubscribed.tsx';

export function NoticesPage() {
  const { may, me, organization } = useSession();
  if (may('billing.view')) return <Notices />;
  return (
    <Page title="Notices">
      <Notice tone="quiet" title={`Your role, ${roleName(me.role)}, does not include notices`}>
        <p>A developer, a billing member or an admin of {organization.name} can see them.</p>
      </Notice>
    </Page>
  );
}

function Notices() {
  const { me, organization, may } = useSession();
  const queries = useQueryClient();
  const query = noticesQuery(organization.id);
  const notices = useQuery({ ...query, refetchInterval: 15_000 });
  const mayChange = may('billing.buy');
  const takeOver = (answer: NoticesResponse) => queries.setQueryData(query.queryKey, answer);
  const { data } = notices;
  return (
    <Page
      title="Notices"
      lead={`What the people of ${organization.name} are told by e-mail about its credits, and what they were told.`}
    >
      {!mayChange && (
        <Notice tone="quiet" title={`Your role, ${roleName(me.role)}, cannot change this`}>
          <p>A billing member or an admin of {organization.name} can.</p>
        </Notice>
      )}
      {notices.isPending && <Skeleton rows={5} label="Loading notices" />}
      {notices.isError && data === undefined && (
        <Problem error={notices.error} retry={() => void notices.refetch()} />
      )}
      {data !== undefined && (
        <>
          <NotReached unreached={data.unreached} />
          <Section title="Sent">
            <SentList notices={data.notices} />
          </Section>
          <SettingsForm
            // What somebody else saved meanwhile begins the form anew.
            key={JSON.stringify([data.settings, data.topics])}
            data={data}
            mayChange={mayChange}
            onSaved={takeOver}
          />
          <Addresses data={data} mayChange={mayChange} onSaved={takeOver} />
          <Unsubscribed optOuts={data.opt_outs} onSaved={takeOver} />
        </>
      )}
    </Page>
  );
}

function NotReached({ unreached }: Pick<NoticesResponse, 'unreached'>) {
  if (unreached.length === 0) return null;
  return (
    <Notice tone="warning" title="Somebody could not be reached">
      <ul className="plain-list">
        {unreached.map(({ address, words, at }) => (
          <li key={address}>
            We could not reach <strong>{address}</strong>: {words} (
            <Moment at={at} show="day and time" />
            ).
          </li>
        ))}
      </ul>
    </Notice>
  );
}
