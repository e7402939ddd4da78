import type { Purchase } from '#console-api/contract';
import { Moment } from '../../ui/moment.tsx';
import { PURCHASE_WORDS, stepLabel } from './purchase-words.ts';

/** The states a purchase went through, in words, oldest first, with the time of each. */
export function Timeline({ purchase }: { purchase: Pick<Purchase, 'timeline' | 'trigger'> }) {
  const { timeline: steps, trigger } = purchase;
  // Two steps may share state and time, so the place in the list is what tells them apart.
  const placed = steps.map((step, place) => ({ ...step, place }));
  return (
    <ol className="timeline">
      {placed.map((step) => {
        const words = PURCHASE_WORDS[step.state];
        const label = stepLabel(step.state, steps[step.place - 1]?.state, trigger);
        const current = step.place === steps.length - 1;
        return (
          <li
            key={step.place}
            className={`timeline-${words.tone}`}
            aria-current={current ? 'step' : undefined}
          >
            <span className="timeline-state">{label}</span>
            <span className="hint">
              <Moment at={step.at} show="time" />
            </span>
            {step.detail !== null && <p className="timeline-detail">{step.detail}</p>}
          </li>
        );
      })}
    </ol>
  );
}
