import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { WebhookEndpoint } from '#console-api/webhooks/contract';
import { actOn, webhooksQuery } from '../../api/webhooks.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Problem } from '../../ui/problem.tsx';
import { nameOf } from './words.ts';

export function RemoveDialog(props: {
  organizationId: string;
  endpoint: WebhookEndpoint;
  onClose: () => void;
}) {
  const queries = useQueryClient();
  const remove = useMutation({
    mutationFn: () => actOn(props.endpoint.id, 'remove'),
    onSuccess: async () => {
      await queries.invalidateQueries(webhooksQuery(props.organizationId));
      props.onClose();
    },
  });
  return (
    <Dialog title={`Remove “${nameOf(props.endpoint)}”?`} onClose={props.onClose}>
      <p>
        Nothing is sent there any more. What waits for it and the list of what was sent go with it.
        This cannot be undone.
      </p>
      {remove.isError && <Problem error={remove.error} />}
      <div className="dialog-foot">
        <button type="button" className="button" onClick={props.onClose}>
          Keep the endpoint
        </button>
        <button
          type="button"
          className="button button-danger"
          disabled={remove.isPending}
          onClick={() => remove.mutate()}
        >
          {remove.isPending ? 'Removing…' : 'Remove endpoint'}
        </button>
      </div>
    </Dialog>
  );
}
