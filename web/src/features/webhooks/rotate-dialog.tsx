import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { WebhookEndpoint } from '#console-api/webhooks/contract';
import { rotateSecret, webhooksQuery } from '../../api/webhooks.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Problem } from '../../ui/problem.tsx';
import { SecretOnce } from './secret-once.tsx';
import { nameOf } from './words.ts';

export function RotateDialog(props: {
  organizationId: string;
  endpoint: WebhookEndpoint;
  onClose: () => void;
}) {
  const queries = useQueryClient();
  const rotate = useMutation({
    mutationFn: () => rotateSecret(props.endpoint.id),
    // Nothing keeps the answer once the dialog is gone.
    gcTime: 0,
    onSettled: () => queries.invalidateQueries(webhooksQuery(props.organizationId)),
  });
  if (rotate.isSuccess) {
    const before = 'For 24 hours every event is signed with the old secret too.';
    return <SecretOnce secret={rotate.data.secret} before={before} onClose={props.onClose} />;
  }
  return (
    <Dialog title={`A new secret for “${nameOf(props.endpoint)}”?`} onClose={props.onClose}>
      <p>
        You are shown a new secret. For 24 hours events carry two signatures, one by each secret;
        after that only the new one is used. A secret before the old one stops at once.
      </p>
      {rotate.isError && <Problem error={rotate.error} />}
      <div className="dialog-foot">
        <button type="button" className="button" onClick={props.onClose}>
          Keep the secret
        </button>
        <button
          type="button"
          className="button button-primary"
          disabled={rotate.isPending}
          onClick={() => rotate.mutate()}
        >
          {rotate.isPending ? 'Making…' : 'Make a new secret'}
        </button>
      </div>
    </Dialog>
  );
}
