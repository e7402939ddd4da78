import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { CreateKeyRequest, CreateKeyResponse } from '#console-api/contract';
import { Refusal } from '../../api/client.ts';
import { createKey, keysQuery } from '../../api/keys.ts';
import { Copyable } from '../../ui/copy.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { Notice } from '../../ui/notice.tsx';
import { explain, Problem } from '../../ui/problem.tsx';
import { type Expiry, ExpiryField, endOf } from './expiry-field.tsx';

/** What is wrong with the form, under the input that can mend it. */
type Problems = Readonly<Partial<Record<'name' | 'expires', string>>>;

/** Asks for a name, then shows the key: the only time it exists outside its owner's hands. */
export function CreateKeyDialog(props: { organizationId: string; onClose: () => void }) {
  const queries = useQueryClient();
  const create = useMutation({
    mutationFn: createKey,
    // Nothing keeps the answer once the dialog is gone.
    gcTime: 0,
    onSettled: () => queries.invalidateQueries(keysQuery(props.organizationId)),
  });

  if (create.isSuccess) return <KeyOnce created={create.data} onClose={props.onClose} />;
  return (
    <KeyForm
      busy={create.isPending}
      refusal={create.isError ? create.error : undefined}
      onKey={(key) => create.mutate(key)}
      onClose={props.onClose}
    />
  );
}

const ofField = (refusal: unknown): keyof Problems | undefined => {
  const field = refusal instanceof Refusal ? refusal.field : undefined;
  return field === 'name' || field === 'expires' ? field : undefined;
};

function KeyForm(props: {
  busy: boolean;
  refusal: unknown;
  onKey: (key: CreateKeyRequest) => void;
  onClose: () => void;
}) {
  const [name, setName] = useState('');
  const [expiry, setExpiry] = useState<Expiry>({ choice: 'never', day: '' });
  const [found, setFound] = useState<Problems>({});
  const refused = ofField(props.refusal);
  const problems: Problems =
    refused === undefined ? found : { [refused]: explain(props.refusal).message, ...found };

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const chosen = name.trim();
    const expires = endOf(expiry);
    setFound({
      ...(chosen === '' ? { name: 'Name: enter a name for this key.' } : {}),
      ...(expires === undefined ? { expires: 'Expires: choose the last day of this key.' } : {}),
    });
    if (chosen === '' || expires === undefined || props.busy) return;
    props.onKey({ name: chosen, expires });
  };

  return (
    <Dialog title="Create an API key" onClose={props.onClose}>
      <form className="form" onSubmit={submit} noValidate>
        <Field
          label="Name"
          hint="Where will it be used? For example “staging server”."
          name="name"
          autoComplete="off"
          maxLength={100}
          value={name}
          problem={problems.name}
          onChange={(event) => setName(event.target.value)}
        />
        <ExpiryField expiry={expiry} problem={problems.expires} onChange={setExpiry} />
        {props.refusal !== undefined && refused === undefined && <Problem error={props.refusal} />}
        <div className="dialog-foot">
          <button type="button" className="button" onClick={props.onClose}>
            Cancel
          </button>
          <button type="submit" className="button button-primary" disabled={props.busy}>
            {props.busy ? 'Creating…' : 'Create key'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function KeyOnce({ created, onClose }: { created: CreateKeyResponse; onClose: () => void }) {
  return (
    <Dialog key="once" title="Your new key" onClose={onClose} locked>
      <Notice tone="warning" title="This key is shown only now">
        <p>Copy it to a safe place. We do not store it; if it is lost, create another.</p>
      </Notice>
      <Copyable label="API key" text={created.key} />
      <div className="dialog-foot">
        <button type="button" className="button button-primary" onClick={onClose}>
          I have saved the key
        </button>
      </div>
    </Dialog>
  );
}
