import { useMutation } from '@tanstack/react-query';
import type { NoticeLinkRequest } from '#console-api/notices/contract';
import { followNoticeLink } from '../../api/notices.ts';
import { Notice } from '../../ui/notice.tsx';
import { Page } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';

/** Mail scanners open links. Only the button does anything. */
export function NoticeLinkPage({ link }: { link: NoticeLinkRequest | undefined }) {
  const follow = useMutation({ mutationFn: followNoticeLink });
  const confirms = link?.do === 'confirm';
  const title = confirms ? 'Agree to notices' : 'Stop notices';
  return (
    <main className="lone" id="main">
      <Page title={title} lead={link === undefined ? undefined : leadOf(link)}>
        {link === undefined && (
          <Notice tone="bad" title="This link is not complete">
            <p>Open it from the mail again.</p>
          </Notice>
        )}
        {follow.isError && <Problem error={follow.error} />}
        {follow.isSuccess ? (
          <Notice tone="good" title={follow.data.done} />
        ) : (
          link !== undefined && (
            <button
              type="button"
              className="button button-primary"
              disabled={follow.isPending}
              onClick={() => follow.mutate(link)}
            >
              {confirms ? 'I agree' : 'Stop them'}
            </button>
          )
        )}
      </Page>
    </main>
  );
}

const leadOf = ({ do: deed, address, topic }: NoticeLinkRequest): string => {
  if (deed === 'confirm') return `Notices about credits and payments are sent to ${address}.`;
  return topic === 'all'
    ? `Nothing more is sent to ${address}.`
    : `Mails of this kind are no longer sent to ${address}. What somebody must know still is.`;
};
