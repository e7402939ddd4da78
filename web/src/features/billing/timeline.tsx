import type { Purchase } from '#console-api/contract';
import { Moment } from '../../ui/moment.tsx';
import { PURCHASE_WORDS } from './purchase-words.ts';

/** The states a purchase went through, in words, oldest first, with the time of each. */
export function Timeline({ steps }: { steps: Purchase['timeline'] }) {
  return (
    <ol className="timeline">
      {steps.map((step, index) => {
        const words = PURCHASE_WORDS[step.state];
        const current = index === steps.length - 1;
        return (
          <li
            key={`${step.at} ${step.state}`}
            className={`timeline-${words.tone}`}
            aria-current={current ? 'step' : undefined}
          >
            <span className="timeline-state">{words.label}</span>
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
