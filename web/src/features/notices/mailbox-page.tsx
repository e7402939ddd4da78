import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { mailboxQuery, mailQuery } from '../../api/notices.ts';
import { Moment } from '../../ui/moment.tsx';
import { Empty } from '../../ui/notice.tsx';
import { Page, Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';

/** What would have been sent if a mail server were configured. */
export function MailboxPage({ mail }: { mail: string | undefined }) {
  return (
    <main className="lone lone-wide" id="main">
      {mail === undefined ? <Mailbox /> : <Mail id={mail} key={mail} />}
    </main>
  );
}

function Mailbox() {
  const mails = useQuery(mailboxQuery);
  return (
    <Page
      title="Development mailbox"
      lead="No mail server is configured (SMTP_URL), so mails stay here. Only this machine can read them."
      actions={
        <Link to="/" className="button">
          To the Console
        </Link>
      }
    >
      {mails.isPending && <Skeleton rows={4} label="Loading the mailbox" />}
      {mails.isError && <Problem error={mails.error} retry={() => void mails.refetch()} />}
      {mails.data?.data.length === 0 && (
        <Empty title="No mail yet">
          <p>Ask for a sign-in link, or buy credits.</p>
        </Empty>
      )}
      {mails.data !== undefined && mails.data.data.length > 0 && (
        <ol className="notice-list">
          {mails.data.data.map(({ id, at, to, subject }) => (
            <li key={id}>
              <p className="notice-line">
                <Link to="/mailbox" search={{ mail: id }}>
                  {subject}
                </Link>
              </p>
              <p className="hint">
                <span className="notice-address">{to}</span> ·{' '}
                <Moment at={at} show="day and time" />
              </p>
            </li>
          ))}
        </ol>
      )}
    </Page>
  );
}

const SHOWN = ['From', 'To', 'Date', 'Message-ID', 'List-Unsubscribe'];

function Mail({ id }: { id: string }) {
  const mail = useQuery(mailQuery(id));
  const { data } = mail;
  return (
    <Page
      title={data?.subject ?? 'Mail'}
      actions={
        <Link to="/mailbox" className="button">
          All mails
        </Link>
      }
    >
      {mail.isPending && <Skeleton rows={6} label="Loading the mail" />}
      {mail.isError && <Problem error={mail.error} retry={() => void mail.refetch()} />}
      {data !== undefined && (
        <>
          <dl className="mail-headers">
            {data.headers
              .filter(({ name }) => SHOWN.includes(name))
              .map(({ name, value }) => (
                <div key={name}>
                  <dt>{name}</dt>
                  <dd>{value}</dd>
                </div>
              ))}
          </dl>
          {data.has_html && (
            <Section title="As most readers show it">
              <iframe
                className="mail-html"
                title="The mail as most readers show it"
                sandbox="allow-popups allow-popups-to-escape-sandbox"
                src={`/api/mailbox/${encodeURIComponent(data.id)}/html`}
              />
            </Section>
          )}
          <Section title="Plain text">
            <pre className="mail-text">
              <WithLinks text={data.text} />
            </pre>
          </Section>
        </>
      )}
    </Page>
  );
}

const URL_PATTERN = /(https?:\/\/[^\s<>"]+)/;

/** The text as it is, its addresses pressable: this is where developers sign in from. */
function WithLinks({ text }: { text: string }) {
  let place = 0;
  return text.split(URL_PATTERN).map((part) => {
    place += part.length + 1;
    return URL_PATTERN.test(part) ? (
      <a key={place} href={part}>
        {part}
      </a>
    ) : (
      part
    );
  });
}
