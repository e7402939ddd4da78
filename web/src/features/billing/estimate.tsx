import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { Estimate } from '#console-api/billing/contract';
import { estimateQuery, type Planned } from '../../api/billing-details.ts';
import { useSession } from '../../api/use-session.ts';
import { Field } from '../../ui/field.tsx';
import { exactText } from '../../ui/money-text.ts';
import { SelectField } from '../../ui/select-field.tsx';
import { useSettled } from './use-settled.ts';

const grouped = (count: string) => count.replace(/\B(?=(\d{3})+$)/g, ',');
const many = (count: string, word: string) =>
  `${grouped(count)} ${word}${count === '1' ? '' : 's'}`;

/** What the amount would buy: at the pace of the last 30 days, or of a kind of request one plans. */
export function EstimateBox({ usd }: { usd: string | undefined }) {
  const { organization } = useSession();
  const [plan, setPlan] = useState<Plan>(NO_PLAN);
  const planned = plannedOf(plan);
  const estimate = useQuery(estimateQuery(organization.id, useSettled(usd), useSettled(planned)));
  const { data } = estimate;
  if (data === undefined) return null;
  return (
    <details className="estimate">
      <summary>{usd === undefined ? 'What it buys' : `What ${exactText(usd)} buys`}</summary>
      <OwnMix own={data.own} />
      <PlanFields plan={plan} models={data.models} onChange={setPlan} />
      <p className="estimate-answer" role="status">
        {usd !== undefined && (
          <PlannedAnswer planned={data.planned} asked={planned} perDay={perDayOf(plan)} />
        )}
      </p>
      <p className="hint">
        Start small: credits are there within seconds of paying, so $5 is enough to find out what
        your requests cost. What is left a year later expires.
      </p>
    </details>
  );
}

function OwnMix({ own }: { own: Estimate['own'] }) {
  if (own === null) {
    return (
      <p className="hint">Nothing was charged in the last 30 days, so there is no own pace.</p>
    );
  }
  const top = own.models[0];
  return (
    <p>
      About {many(own.requests, 'request')} like yours of the last 30 days, or{' '}
      {many(own.days, 'day')} at that pace.{' '}
      <span className="hint">
        Measured: {many(own.charged_requests, 'request')} for {exactText(own.charged_usd)}
        {top !== undefined && own.models.length > 1 && `, most of it for ${top.model}`}.
      </span>
    </p>
  );
}

interface Plan {
  readonly model: string;
  readonly input: string;
  readonly output: string;
  /** Empty: how long it would last is not asked. */
  readonly perDay: string;
}

const NO_PLAN: Plan = { model: '', input: '1000', output: '500', perDay: '' };
const COUNT = /^\d{1,8}$/;

/** Undefined unless it is a whole number above zero. */
function perDayOf({ perDay }: Plan): bigint | undefined {
  const plain = perDay.replaceAll(',', '').trim();
  const count = COUNT.test(plain) ? BigInt(plain) : 0n;
  return count === 0n ? undefined : count;
}

/** Undefined until a model is chosen and both counts can be read. */
function plannedOf({ model, input, output }: Plan): Planned | undefined {
  const plain = [input, output].map((text) => text.replaceAll(',', '').trim());
  if (model === '' || !plain.every((text) => COUNT.test(text))) return undefined;
  const [input_tokens = 0, output_tokens = 0] = plain.map((text) => Number.parseInt(text, 10));
  return { model, input_tokens, output_tokens };
}

function PlanFields(props: {
  plan: Plan;
  models: Estimate['models'];
  onChange: (plan: Plan) => void;
}) {
  const { plan, models, onChange } = props;
  const count = (name: 'input' | 'output' | 'perDay', label: string) => (
    <Field
      label={label}
      name={name}
      inputMode="numeric"
      autoComplete="off"
      value={plan[name]}
      onChange={(event) => onChange({ ...plan, [name]: event.target.value })}
    />
  );
  return (
    <div className="estimate-fields">
      <SelectField
        label="At a model of your choice"
        name="model"
        empty="Choose a model"
        value={plan.model}
        options={models.map(({ id, name }) => [id, name] as const)}
        onChange={(model) => onChange({ ...plan, model })}
      />
      {plan.model !== '' && (
        <>
          <div className="field-pair">
            {count('input', 'Input tokens each')}
            {count('output', 'Output tokens each')}
          </div>
          {count('perDay', 'Requests a day, if you know')}
        </>
      )}
    </div>
  );
}

function PlannedAnswer(props: {
  planned: Estimate['planned'];
  asked: Planned | undefined;
  perDay: bigint | undefined;
}) {
  const { planned, asked, perDay } = props;
  if (asked === undefined || planned === null) return null;
  if (!planned.priced) return 'This model has no price now, so requests to it are refused.';
  if (planned.requests === null || planned.each_usd === null) return 'Such requests cost nothing.';
  const bought = `${many(planned.requests, 'request')} of ${exactText(planned.each_usd)} each.`;
  if (perDay === undefined) return bought;
  const days = BigInt(planned.requests) / perDay;
  return `${bought} ${lasting(days)}`;
}

const lasting = (days: bigint): string =>
  days === 0n ? 'That is less than a day.' : `That lasts ${many(String(days), 'day')}.`;
