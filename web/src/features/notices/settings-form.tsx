import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useId, useState } from 'react';
import type { NoticeRole, NoticesResponse } from '#console-api/notices/contract';
import { Refusal } from '../../api/client.ts';
import { saveNoticeSettings } from '../../api/notices.ts';
import { Field } from '../../ui/field.tsx';
import { Section } from '../../ui/page.tsx';
import { explain, Problem } from '../../ui/problem.tsx';
import { roleName } from '../../ui/roles.ts';
import { readDays, readMark, readSteps } from './entry.ts';

const ROLES: readonly NoticeRole[] = ['admin', 'billing', 'developer', 'limited_developer'];

type Fields = 'low_balance_usd' | 'runway_days' | 'limit_steps';
type Problems = Partial<Record<Fields, string>>;
type Topic = NoticesResponse['topics'][number];

/** When somebody is told, and who. */
export function SettingsForm(props: {
  data: NoticesResponse;
  mayChange: boolean;
  onSaved: (answer: NoticesResponse) => void;
}) {
  const { data, mayChange, onSaved } = props;
  const { settings } = data;
  const [mark, setMark] = useState(settings.low_balance_usd ?? '');
  const [days, setDays] = useState(settings.runway_days?.toString() ?? '');
  const [steps, setSteps] = useState(settings.limit_steps.join(', '));
  const [digest, setDigest] = useState(settings.digest);
  const [roles, setRoles] = useState<Record<string, NoticeRole[]>>(() =>
    Object.fromEntries(data.topics.map(({ topic, roles: chosen }) => [topic, chosen])),
  );
  const [problems, setProblems] = useState<Problems>({});
  const save = useMutation({ mutationFn: saveNoticeSettings, onSuccess: onSaved });
  const refused = save.error instanceof Refusal ? save.error.field : undefined;
  const said = (field: Fields) =>
    problems[field] ?? (refused === field ? explain(save.error).message : undefined);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const read = {
      low_balance_usd: readMark(mark),
      runway_days: readDays(days),
      limit_steps: readSteps(steps),
    };
    const found: Problems = {};
    for (const [field, one] of Object.entries(read)) {
      if (one.outcome === 'refused') Object.assign(found, { [field]: one.sentence });
    }
    setProblems(found);
    const { low_balance_usd: low, runway_days: runway, limit_steps: percents } = read;
    if (low.outcome === 'refused' || runway.outcome === 'refused') return;
    if (percents.outcome === 'refused') return;
    save.mutate({
      low_balance_usd: low.value,
      runway_days: runway.value,
      limit_steps: percents.value,
      ...{ digest, roles },
    });
  };

  return (
    <form className="notice-form" onSubmit={submit} noValidate>
      <Section title="When you are told">
        <fieldset className="notice-when" disabled={!mayChange}>
          <legend className="visually-hidden">When somebody is told</legend>
          <Field
            label="Balance below"
            hint="Once, until it has been a tenth above. Empty: never."
            before="$"
            name="low_balance_usd"
            inputMode="decimal"
            autoComplete="off"
            value={mark}
            problem={said('low_balance_usd')}
            onChange={(event) => setMark(event.target.value)}
          />
          <Field
            label="Credits last fewer days than"
            hint="At the pace of the last days. Empty: never."
            name="runway_days"
            inputMode="numeric"
            autoComplete="off"
            value={days}
            problem={said('runway_days')}
            onChange={(event) => setDays(event.target.value)}
          />
          <Field
            label="Percent of a spend limit used"
            hint="Several with commas between. 100 is always told."
            name="limit_steps"
            autoComplete="off"
            value={steps}
            problem={said('limit_steps')}
            onChange={(event) => setSteps(event.target.value)}
          />
        </fieldset>
        <Tick
          label="One quiet summary a day"
          hint="What can wait comes in one mail at 08:00 UTC. What cannot comes at once."
          checked={digest}
          disabled={!mayChange}
          onChange={setDigest}
        />
      </Section>
      <Section title="Who is told what">
        <div className="notice-topics">
          {data.topics.map((topic) => (
            <TopicRoles
              key={topic.topic}
              topic={topic}
              chosen={roles[topic.topic] ?? []}
              disabled={!mayChange}
              onChange={(chosen) => setRoles({ ...roles, [topic.topic]: chosen })}
            />
          ))}
        </div>
        {save.isError && refused === undefined && <Problem error={save.error} />}
        {mayChange && (
          <p className="notice-save">
            <button type="submit" className="button button-primary" disabled={save.isPending}>
              {save.isPending ? 'Saving…' : 'Save'}
            </button>{' '}
            <span role="status" className="hint">
              {save.isSuccess && 'Saved.'}
            </span>
          </p>
        )}
      </Section>
    </form>
  );
}

function TopicRoles(props: {
  topic: Topic;
  chosen: readonly NoticeRole[];
  disabled: boolean;
  onChange: (roles: NoticeRole[]) => void;
}) {
  const { topic, chosen, disabled, onChange } = props;
  const about = useId();
  return (
    <fieldset className="notice-topic" disabled={disabled} aria-describedby={about}>
      <legend>{topic.title}</legend>
      <p className="hint" id={about}>
        {topic.about}
        {topic.mandatory &&
          (chosen.length === 0
            ? ' Somebody must know: with no role chosen, the admins are told.'
            : ' Somebody must know: its mails have no link to unsubscribe.')}
      </p>
      <div className="notice-roles">
        {ROLES.map((role) => (
          <label key={role} className="tick">
            <input
              type="checkbox"
              checked={chosen.includes(role)}
              onChange={(event) =>
                onChange(
                  event.target.checked
                    ? [...chosen, role]
                    : chosen.filter((other) => other !== role),
                )
              }
            />
            {roleName(role)}
          </label>
        ))}
      </div>
    </fieldset>
  );
}

function Tick(props: {
  label: string;
  hint: string;
  checked: boolean;
  disabled: boolean;
  onChange: (checked: boolean) => void;
}) {
  const hint = useId();
  return (
    <div>
      <label className="tick">
        <input
          type="checkbox"
          checked={props.checked}
          disabled={props.disabled}
          aria-describedby={hint}
          onChange={(event) => props.onChange(event.target.checked)}
        />
        {props.label}
      </label>
      <p className="hint" id={hint}>
        {props.hint}
      </p>
    </div>
  );
}
