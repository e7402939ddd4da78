import { useMutation } from '@tanstack/react-query';
import type { NoticesResponse } from '#console-api/notices/contract';
import { resumeNotices } from '../../api/notices.ts';
import { Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';

/** Who asked for no more of something, by the link of a mail. One's own can be taken back. */
export function Unsubscribed(props: {
  optOuts: NoticesResponse['opt_outs'];
  onSaved: (answer: NoticesResponse) => void;
}) {
  const { optOuts, onSaved } = props;
  const resume = useMutation({ mutationFn: resumeNotices, onSuccess: onSaved });
  if (optOuts.length === 0) return null;
  return (
    <Section title="Unsubscribed">
      {resume.isError && <Problem error={resume.error} />}
      <ul className="notice-list">
        {optOuts.map(({ address, topic, title, mine }) => (
          <li key={`${address} ${topic}`}>
            <p className="notice-line">
              <strong className="notice-address">{address}</strong> gets no mails about: {title}.
            </p>
            {mine && (
              <button
                type="button"
                className="button button-plain"
                disabled={resume.isPending}
                onClick={() => resume.mutate(topic)}
              >
                Send them to me again
              </button>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}
