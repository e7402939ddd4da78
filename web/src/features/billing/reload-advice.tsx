import { useQuery } from '@tanstack/react-query';
import type { AdviceResponse, AskedSetting, ReplayView } from '#console-api/advice/contract';
import { creditAdviceQuery, replayQuery } from '../../api/credit-advice.ts';
import { useSession } from '../../api/use-session.ts';
import { Moment } from '../../ui/moment.tsx';
import { floorText, isZero } from '../../ui/money-text.ts';
import { lengthOf } from './runway-words.ts';
import { useSettled } from './use-settled.ts';

type Suggested = NonNullable<AdviceResponse['suggestion']>;

/** What to set by the pace of the last week, with the reasons; nothing where nothing was spent. */
export function ReloadSuggestion(props: { onUse: (threshold: string, target: string) => void }) {
  const { organization } = useSession();
  const { data } = useQuery(creditAdviceQuery(organization.id));
  const suggestion = data?.suggestion;
  if (suggestion === undefined || suggestion === null) return null;
  return <Suggestion suggestion={suggestion} onUse={props.onUse} />;
}

function Suggestion(props: {
  suggestion: Suggested;
  onUse: (threshold: string, target: string) => void;
}) {
  const { suggestion, onUse } = props;
  const { threshold_usd: threshold, target_usd: target } = suggestion;
  return (
    <div className="reload-suggestion">
      <div className="reload-suggestion-head">
        <p>
          Suggested: below <strong>${threshold}</strong>, up to <strong>${target}</strong>
        </p>
        <button
          type="button"
          className="button button-plain"
          onClick={() => onUse(threshold, target)}
        >
          Use these
        </button>
      </div>
      <p className="hint">{suggestion.threshold_reason}</p>
      <p className="hint">{suggestion.target_reason}</p>
    </div>
  );
}

/** A setting as it stands in the fields of a form. */
export interface Typed {
  readonly threshold: string;
  readonly target: string;
  readonly perDay: string;
  readonly perMonth: string;
}

/** The figures follow the typing once it pauses. */
function useTyped({ threshold, target, perDay, perMonth }: Typed): AskedSetting {
  const asked = {
    threshold_usd: useSettled(threshold),
    target_usd: useSettled(target),
    max_per_day: Number.parseInt(useSettled(perDay), 10),
  };
  const month = useSettled(perMonth).trim();
  return { ...asked, max_usd_per_month: month === '' ? null : month };
}

/** What the last 30 days would have been like with what is typed, beside what is set. */
export function ReloadReplay({ typed, isOn }: { typed: Typed; isOn: boolean }) {
  const { organization } = useSession();
  const { data, isError } = useQuery(replayQuery(organization.id, useTyped(typed)));
  if (data === undefined && !isError) return null;
  const asked = isError ? null : (data?.asked ?? null);
  const present = isOn ? data?.present : undefined;
  const [longest] = asked?.held_by ?? [];
  const known = asked ?? data?.present;
  if (known !== undefined && isZero(known.spent_usd)) return <NothingToReplay />;
  return (
    <div className="reload-replay">
      <table className="table">
        <caption>
          Your spending {asked === null ? 'of the last 30 days' : <Since replay={asked} />},
          replayed
        </caption>
        <thead className={present === undefined ? 'visually-hidden' : undefined}>
          <tr>
            <th scope="col">
              <span className="visually-hidden">Figure</span>
            </th>
            {present !== undefined && (
              <th scope="col" className="cell-amount">
                As it is set
              </th>
            )}
            <th scope="col" className="cell-amount">
              As typed
            </th>
          </tr>
        </thead>
        <tbody>
          {FIGURES.map(({ name, told }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              {present !== undefined && <td className="cell-amount">{told(present)}</td>}
              <td className="cell-amount">{asked === null ? '–' : told(asked)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="hint">
        It begins with credit up to the target, and nothing else is bought. Idle money is the
        balance on average.
        {longest !== undefined && ` At zero for ${lengthOf(longest.seconds)}: ${longest.words}`}
      </p>
      <p className="visually-hidden" role="status">
        {asked !== null && FIGURES.map(({ name, told }) => `${name}: ${told(asked)}.`).join(' ')}
      </p>
    </div>
  );
}

function NothingToReplay() {
  return (
    <p className="hint">
      Nothing was spent in the last 30 days: what this setting would have done cannot be told.
    </p>
  );
}

const WHOLE_MS = 30 * 86_400_000;

function Since({ replay }: { replay: ReplayView }) {
  if (Date.parse(replay.to) - Date.parse(replay.from) >= WHOLE_MS) return <>of the last 30 days</>;
  return (
    <>
      since <Moment at={replay.from} />
    </>
  );
}

const FIGURES: readonly { name: string; told: (replay: ReplayView) => string }[] = [
  {
    name: 'Charges',
    told: ({ reloads, charged_usd: usd }) =>
      reloads === 0 ? 'none' : `${reloads} · ${floorText(usd)}`,
  },
  { name: 'Idle money', told: (replay) => floorText(replay.average_balance_usd) },
  { name: 'Time at zero', told: (replay) => lengthOf(replay.seconds_at_zero) },
];
