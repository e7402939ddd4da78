import { useMutation, useQueryClient } from '@tanstack/react-query';
import type { ApiKey } from '#console-api/contract';
import { changeKey, keysQuery } from '../../api/keys.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Problem } from '../../ui/problem.tsx';

export function RevokeKeyDialog(props: {
  organizationId: string;
  apiKey: ApiKey;
  onClose: () => void;
}) {
  const queries = useQueryClient();
  const revoke = useMutation({
    mutationFn: () => changeKey(props.apiKey.id, 'revoke'),
    onSuccess: async () => {
      await queries.invalidateQueries(keysQuery(props.organizationId));
      props.onClose();
    },
  });
  return (
    <Dialog title={`Revoke “${props.apiKey.name}”?`} onClose={props.onClose}>
      <p>
        Programs using <code>{props.apiKey.hint}</code> are refused from now on. Requests already
        running are finished and charged. This cannot be undone.
      </p>
      {revoke.isError && <Problem error={revoke.error} />}
      <div className="dialog-foot">
        <button type="button" className="button" onClick={props.onClose}>
          Keep the key
        </button>
        <button
          type="button"
          className="button button-danger"
          disabled={revoke.isPending}
          onClick={() => revoke.mutate()}
        >
          {revoke.isPending ? 'Revoking…' : 'Revoke key'}
        </button>
      </div>
    </Dialog>
  );
}
