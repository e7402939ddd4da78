import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { LimitsResponse, SetLimitRequest, SpendLimit } from '#console-api/contract';
import { LIMIT_ACTIONS } from '#console-api/contract';
import { Refusal } from '../../api/client.ts';
import { limitsQuery, setLimit } from '../../api/limits.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { explain, Problem } from '../../ui/problem.tsx';
import { SelectField } from '../../ui/select-field.tsx';
import { readLimit } from './limit-entry.ts';
import { ACTIONS, LEVELS } from './words.ts';

type Subject = LimitsResponse['spending']['unlimited'][number];

const called = ({ level, subject }: Subject) =>
  level === 'organization' ? `All of ${subject}` : `${LEVELS[level]}: ${subject}`;

/** Undefined for a tier, which is not the customer's to limit. */
function subjectOf({ level, subject_id, subject }: SpendLimit): Subject | undefined {
  return level === 'tier' ? undefined : { level, subject_id, subject };
}

/** Of a limit there is, what it limits stays; for a new one that is chosen. */
export function LimitDialog(props: {
  organizationId: string;
  limit: SpendLimit | undefined;
  unlimited: readonly Subject[];
  onClose: () => void;
}) {
  const { limit, unlimited, onClose } = props;
  const queries = useQueryClient();
  const save = useMutation({
    mutationFn: setLimit,
    onSuccess: async () => {
      await queries.invalidateQueries(limitsQuery(props.organizationId));
      onClose();
    },
  });
  const own = limit && subjectOf(limit);
  const subjects = own === undefined ? unlimited : [own];
  const [chosen, setChosen] = useState(subjects[0]?.subject_id ?? '');
  const [typed, setTyped] = useState(limit?.amount_usd ?? '');
  const [action, setAction] = useState(limit?.action ?? 'notify_and_pause');
  const [problem, setProblem] = useState<string>();
  const subject = subjects.find(({ subject_id }) => subject_id === chosen);
  const ofAmount = save.error instanceof Refusal && save.error.field === 'amount_usd';

  const put = (amount: SetLimitRequest['amount_usd']) => {
    if (subject === undefined || save.isPending) return;
    const { level, subject_id } = subject;
    save.mutate({ level, subject_id, amount_usd: amount, action });
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const entry = readLimit(typed);
    setProblem(entry.outcome === 'refused' ? entry.sentence : undefined);
    if (entry.outcome === 'accepted') put(entry.usd);
  };

  return (
    <Dialog title={own === undefined ? 'Set a spend limit' : 'Change the limit'} onClose={onClose}>
      <form className="form" onSubmit={submit} noValidate>
        {own === undefined ? (
          <SelectField
            label="Applies to"
            name="subject"
            value={chosen}
            options={subjects.map((one) => [one.subject_id, called(one)] as const)}
            onChange={setChosen}
          />
        ) : (
          <p>{subject === undefined ? '' : called(subject)}</p>
        )}
        <Field
          label="Limit in US dollars a month"
          hint={action === 'notify_and_pause' ? '0 refuses every request.' : undefined}
          before="$"
          name="amount_usd"
          inputMode="decimal"
          autoComplete="off"
          value={typed}
          problem={problem ?? (ofAmount ? explain(save.error).message : undefined)}
          onChange={(event) => setTyped(event.target.value)}
        />
        <SelectField
          label="When it is reached"
          name="action"
          value={action}
          options={LIMIT_ACTIONS.map((one) => [one, ACTIONS[one].choice] as const)}
          hint={ACTIONS[action].sentence}
          onChange={(value) => {
            const one = LIMIT_ACTIONS.find((known) => known === value);
            if (one !== undefined) setAction(one);
          }}
        />
        {save.isError && !ofAmount && <Problem error={save.error} />}
        <div className="dialog-foot">
          {own !== undefined && (
            <button type="button" className="button" onClick={() => put(null)}>
              Remove limit
            </button>
          )}
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button button-primary" disabled={save.isPending}>
            {save.isPending ? 'Saving…' : 'Save limit'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
