import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type {
  EndpointRequest,
  WebhookEndpoint,
  WebhooksResponse,
} from '#console-api/webhooks/contract';
import { Refusal } from '../../api/client.ts';
import { changeEndpoint, createEndpoint, webhooksQuery } from '../../api/webhooks.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { explain, Problem } from '../../ui/problem.tsx';
import { SecretOnce } from './secret-once.tsx';
import { TypesField } from './types-field.tsx';

type Types = WebhooksResponse['types'];

interface Shared {
  readonly organizationId: string;
  readonly types: Types;
  readonly onClose: () => void;
}

/** Asks where events go; of a new endpoint it then shows the secret, the only time it is told. */
export function EndpointDialog(props: Shared & { endpoint: WebhookEndpoint | undefined }) {
  const { endpoint, ...shared } = props;
  return endpoint === undefined ? <New {...shared} /> : <Edit endpoint={endpoint} {...shared} />;
}

function New({ organizationId, ...shared }: Shared) {
  const queries = useQueryClient();
  const create = useMutation({
    mutationFn: createEndpoint,
    // Nothing keeps the answer once the dialog is gone.
    gcTime: 0,
    onSettled: () => queries.invalidateQueries(webhooksQuery(organizationId)),
  });
  if (create.isSuccess) return <SecretOnce secret={create.data.secret} onClose={shared.onClose} />;
  return (
    <EndpointForm
      {...shared}
      title="Add an endpoint"
      save="Add endpoint"
      busy={create.isPending}
      refusal={create.error}
      onSave={(endpoint) => create.mutate(endpoint)}
    />
  );
}

function Edit({ endpoint, organizationId, ...shared }: Shared & { endpoint: WebhookEndpoint }) {
  const queries = useQueryClient();
  const change = useMutation({
    mutationFn: (facts: EndpointRequest) => changeEndpoint(endpoint.id, facts),
    onSuccess: async () => {
      await queries.invalidateQueries(webhooksQuery(organizationId));
      shared.onClose();
    },
  });
  return (
    <EndpointForm
      {...shared}
      title="Edit the endpoint"
      save="Save"
      endpoint={endpoint}
      busy={change.isPending}
      refusal={change.error}
      onSave={(facts) => change.mutate(facts)}
    />
  );
}

function EndpointForm(props: {
  title: string;
  save: string;
  endpoint?: WebhookEndpoint;
  types: Types;
  busy: boolean;
  refusal: unknown;
  onSave: (endpoint: EndpointRequest) => void;
  onClose: () => void;
}) {
  const { endpoint, refusal } = props;
  const [url, setUrl] = useState(endpoint?.url ?? '');
  const [description, setDescription] = useState(endpoint?.description ?? '');
  const [wanted, setWanted] = useState<readonly string[] | 'every'>(
    endpoint === undefined || endpoint.event_types.length === 0 ? 'every' : endpoint.event_types,
  );
  const [found, setFound] = useState<{ url?: string; types?: string }>({});
  const field = refusal instanceof Refusal ? refusal.field : undefined;
  const said = (name: string) => (field === name ? explain(refusal).message : undefined);

  const submit = (event: FormEvent) => {
    event.preventDefault();
    const problems = {
      ...(url.trim() === '' ? { url: 'URL: enter where events are sent.' } : {}),
      ...(wanted.length === 0 ? { types: 'Events: choose at least one.' } : {}),
    };
    setFound(problems);
    if (Object.keys(problems).length > 0 || props.busy) return;
    props.onSave({ url, description, event_types: wanted === 'every' ? [] : [...wanted] });
  };

  return (
    <Dialog title={props.title} onClose={props.onClose}>
      <form className="form" onSubmit={submit} noValidate>
        <Field
          label="URL"
          hint="Of a server on the public internet, over https."
          name="url"
          inputMode="url"
          autoComplete="off"
          spellCheck={false}
          placeholder="https://example.com/webhooks"
          value={url}
          problem={found.url ?? said('url')}
          onChange={(event) => setUrl(event.target.value)}
        />
        <Field
          label="Description (optional)"
          name="description"
          autoComplete="off"
          maxLength={200}
          value={description}
          problem={said('description')}
          onChange={(event) => setDescription(event.target.value)}
        />
        <TypesField
          types={props.types}
          wanted={wanted}
          problem={found.types}
          onChange={setWanted}
        />
        {refusal !== null && field !== 'url' && field !== 'description' && (
          <Problem error={refusal} />
        )}
        <div className="dialog-foot">
          <button type="button" className="button" onClick={props.onClose}>
            Cancel
          </button>
          <button type="submit" className="button button-primary" disabled={props.busy}>
            {props.busy ? 'Saving…' : props.save}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
