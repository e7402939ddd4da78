import type { Advice, PaceView, Replayed, Setting } from '#advice/advice';
import { wholeDays } from '#advice/advice';
import { formatUsd, nanos } from '#kernel/money';
import { ANSWER_WORDS } from '#payments/reload-settings';

/** Advice as plain texts and counts, for whoever shows it. Amounts are decimal US dollars. */
export function tellAdvice({ at, paces, suggestion, present, asked }: Advice) {
  return {
    at: at.toISOString(),
    paces: paces.map((view) => tellPace(view, at)),
    suggestion:
      suggestion === undefined
        ? null
        : {
            threshold_usd: formatUsd(suggestion.threshold),
            threshold_reason: suggestion.thresholdReason,
            target_usd: formatUsd(suggestion.target),
            target_reason: suggestion.targetReason,
          },
    present: tellReplay(present),
    asked: asked === undefined ? null : tellReplay(asked),
  };
}

function tellPace({ pace, daily, runway }: PaceView, at: Date) {
  const lasts = runway.state === 'lasts' ? runway : undefined;
  return {
    days: pace.days,
    from: pace.from.toISOString(),
    spent_usd: formatUsd(pace.spent),
    per_day_usd: formatUsd(daily),
    runway: {
      state: runway.state,
      until: lasts?.until.toISOString() ?? null,
      ends_by: lasts?.endsBy ?? null,
      days: wholeDays(at, runway),
      expires_unused_usd: lasts === undefined ? null : formatUsd(lasts.unused),
    },
  };
}

function tellReplay({ setting, from, to, replay }: Replayed) {
  return {
    ...tellSetting(setting),
    from: from.toISOString(),
    to: to.toISOString(),
    spent_usd: formatUsd(replay.spent),
    reloads: replay.reloads.length,
    charged_usd: formatUsd(replay.charged),
    average_balance_usd: formatUsd(replay.idle),
    seconds_at_zero: Math.ceil(replay.atZeroMs / 1_000),
    refused_usd: formatUsd(replay.refused),
    held_by: replay.heldBy.map(({ answer, ms }) => ({
      ...{ answer, words: ANSWER_WORDS[answer], seconds: Math.ceil(ms / 1_000) },
    })),
  };
}

const tellSetting = ({ threshold, target, maxPerDay, maxPerMonth }: Setting) => ({
  threshold_usd: formatUsd(nanos(threshold)),
  target_usd: formatUsd(nanos(target)),
  max_per_day: maxPerDay,
  max_usd_per_month: maxPerMonth === null ? null : formatUsd(nanos(maxPerMonth)),
});
