import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useId, useState } from 'react';
import type { ReloadResponse } from '#console-api/reload/contract';
import { saveReload } from '../../api/auto-reload.ts';
import { Refusal } from '../../api/client.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { Problem } from '../../ui/problem.tsx';
import { ReloadReplay, ReloadSuggestion } from './reload-advice.tsx';

const FIELDS = ['threshold_usd', 'target_usd', 'max_per_day', 'max_usd_per_month'];

/** What is bought, when, and how much at most. Switching it on is what a person agrees to. */
export function ReloadDialog(props: {
  reload: ReloadResponse;
  onSaved: (answer: ReloadResponse) => void;
  onClose: () => void;
}) {
  const { reload, onSaved, onClose } = props;
  const box = useId();
  const [threshold, setThreshold] = useState(reload.threshold_usd);
  const [target, setTarget] = useState(reload.target_usd);
  const [perDay, setPerDay] = useState(String(reload.max_per_day));
  const [perMonth, setPerMonth] = useState(reload.max_usd_per_month ?? '');
  const [agreed, setAgreed] = useState(reload.enabled);
  const [problem, setProblem] = useState<string>();
  const save = useMutation({
    mutationFn: () =>
      saveReload({
        enabled: true,
        threshold_usd: threshold,
        target_usd: target,
        max_per_day: Number(perDay), // tidy: count
        max_usd_per_month: perMonth.trim() === '' ? null : perMonth,
        consent_version: reload.consent.version,
      }),
    onSuccess: (answer) => {
      onSaved(answer);
      onClose();
    },
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (save.isPending) return;
    if (!agreed) return setProblem('Agree to this first, or leave auto-reload off.');
    setProblem(undefined);
    save.mutate();
  };
  const refused = save.error instanceof Refusal ? save.error : undefined;
  const problemOf = (field: string) => (refused?.field === field ? refused.message : undefined);
  const elsewhere = save.isError && !FIELDS.includes(refused?.field ?? '');

  return (
    <Dialog title={reload.enabled ? 'Change auto-reload' : 'Set up auto-reload'} onClose={onClose}>
      <form className="form" onSubmit={submit} noValidate>
        <ReloadSuggestion
          onUse={(below, upTo) => {
            setThreshold(below);
            setTarget(upTo);
          }}
        />
        <Field
          label="When the balance falls below"
          before="$"
          inputMode="decimal"
          value={threshold}
          problem={problemOf('threshold_usd')}
          onChange={(event) => setThreshold(event.target.value)}
        />
        <Field
          label="Buy credits up to"
          before="$"
          inputMode="decimal"
          value={target}
          hint="The card pays the difference, at least $5, plus tax."
          problem={problemOf('target_usd')}
          onChange={(event) => setTarget(event.target.value)}
        />
        <Field
          label="Reloads a day, at most"
          inputMode="numeric"
          value={perDay}
          problem={problemOf('max_per_day')}
          onChange={(event) => setPerDay(event.target.value)}
        />
        <Field
          label="Dollars a month, at most"
          before="$"
          inputMode="decimal"
          value={perMonth}
          hint="Tax included. Empty is no bound."
          problem={problemOf('max_usd_per_month')}
          onChange={(event) => setPerMonth(event.target.value)}
        />
        <ReloadReplay typed={{ threshold, target, perDay, perMonth }} isOn={reload.enabled} />
        {!reload.enabled && (
          <>
            <div className="consent">
              <input
                type="checkbox"
                id={box}
                checked={agreed}
                aria-invalid={problem !== undefined}
                aria-describedby={problem === undefined ? undefined : `${box}-problem`}
                onChange={(event) => {
                  setAgreed(event.target.checked);
                  setProblem(undefined);
                }}
              />
              <label htmlFor={box}>{reload.consent.text}</label>
            </div>
            <div role="alert" id={`${box}-problem`} className="field-problem">
              {problem}
            </div>
          </>
        )}
        {elsewhere && <Problem error={save.error} />}
        <div className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button button-primary" aria-disabled={save.isPending}>
            {save.isPending ? 'Saving…' : reload.enabled ? 'Save' : 'Switch on'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
