import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { OperatorOrganization } from '#console-api/operator/contract';
import { organizationQuery, setStatus } from '../../api/operator.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Problem } from '../../ui/problem.tsx';
import { problemAt, REASON_MISSING, ReasonField } from './reason-field.tsx';

const DEEDS = {
  suspend: {
    title: 'Suspend',
    sentence: 'Its requests are refused from now on. Its credit stays, and requests under way end.',
    button: 'Suspend the organization',
  },
  resume: {
    title: 'Resume',
    sentence: 'Its requests are served again, from now on.',
    button: 'Resume the organization',
  },
} as const;

export function StatusDialog(props: { organization: OperatorOrganization; onClose: () => void }) {
  const { organization, onClose } = props;
  const deed = organization.status === 'suspended' ? 'resume' : 'suspend';
  const words = DEEDS[deed];
  const queries = useQueryClient();
  const [reason, setReason] = useState('');
  const [problem, setProblem] = useState<string>();
  const save = useMutation({
    mutationFn: () => setStatus(organization.id, deed, reason.trim()),
    onSuccess: (now) => {
      queries.setQueryData(organizationQuery(organization.id).queryKey, now);
      onClose();
    },
  });
  const write = (text: string) => {
    setReason(text);
    setProblem(undefined);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const missing = reason.trim() === '';
    setProblem(missing ? REASON_MISSING : undefined);
    if (!missing && !save.isPending) save.mutate();
  };
  const ofReason = problemAt(save.error, 'reason');
  return (
    <Dialog title={`${words.title} ${organization.name}?`} onClose={onClose}>
      <form className="form" onSubmit={submit} noValidate>
        <p>{words.sentence}</p>
        <ReasonField value={reason} problem={problem ?? ofReason} onChange={write} />
        {save.isError && ofReason === undefined && <Problem error={save.error} />}
        <div className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button
            type="submit"
            className={deed === 'suspend' ? 'button button-danger' : 'button button-primary'}
            aria-disabled={save.isPending}
          >
            {save.isPending ? 'Changing…' : words.button}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
