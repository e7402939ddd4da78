import type { Advice, ThingToCheck } from '#console-api/billing/contract';

const BEARINGS: Readonly<Record<ThingToCheck['bearing'], string>> = {
  fine: 'In order',
  worth_a_look: 'Worth a look',
  in_the_way: 'Check this first',
};

/** Four things that explain most refusals, told from the customer's own facts. */
export function ThingsToCheck(props: { advice: Advice; open?: boolean }) {
  const { things_to_check: things, subscription_url: elsewhere } = props.advice;
  return (
    <details className="things" open={props.open}>
      <summary>Check these four things</summary>
      <ol>
        {things.map((thing) => (
          <li key={thing.kind} className={`thing-${thing.bearing}`}>
            <p className="thing-title">
              {thing.title} <span className="thing-bearing">{BEARINGS[thing.bearing]}</span>
            </p>
            <p className="hint">{thing.text}</p>
          </li>
        ))}
      </ol>
      <Subscription url={elsewhere} />
    </details>
  );
}

/** Credits and web subscriptions are separate; who came for the other one is shown the way. */
export function Subscription({ url }: { url: string | null }) {
  return (
    <p className="hint">
      Looking for a subscription to a web or desktop app? API credits do not pay for it.{' '}
      {url === null ? (
        'It is bought where that app is.'
      ) : (
        <a href={url} rel="noreferrer">
          Go to subscriptions
        </a>
      )}
    </p>
  );
}
