import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import type { WebhookDelivery, WebhookEndpoint } from '#console-api/webhooks/contract';
import { deliveriesQuery, resend } from '../../api/webhooks.ts';
import { Moment } from '../../ui/moment.tsx';
import { Badge, Empty } from '../../ui/notice.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { DeliveryDialog } from './delivery-dialog.tsx';
import { DELIVERY } from './words.ts';

/** What was sent to one endpoint in the last thirty days, the newest first. */
export function DeliveryLog(props: { organizationId: string; endpoint: WebhookEndpoint }) {
  const { organizationId, endpoint } = props;
  const queries = useQueryClient();
  const log = useInfiniteQuery(deliveriesQuery(organizationId, endpoint.id));
  const [looked, setLooked] = useState<string>();
  const again = useMutation({
    mutationFn: (event: string) => resend(endpoint.id, event),
    onSettled: () =>
      queries.invalidateQueries({
        queryKey: deliveriesQuery(organizationId, endpoint.id).queryKey,
      }),
  });
  if (log.isPending) return <Skeleton rows={3} label="Loading what was sent" />;
  if (log.data === undefined) {
    return <Problem error={log.error} retry={() => void log.refetch()} />;
  }
  const deliveries = log.data.pages.flatMap((page) => page.deliveries);
  const details = deliveries.find(({ event_id }) => event_id === looked);
  if (deliveries.length === 0) {
    return (
      <Empty title="Nothing was sent yet">
        <p>Send a test event to see whether your server takes it.</p>
      </Empty>
    );
  }
  return (
    <>
      {again.isError && <Problem error={again.error} />}
      <LogTable
        deliveries={deliveries}
        onLook={setLooked}
        onResend={endpoint.status === 'enabled' ? (event) => again.mutate(event) : undefined}
      />
      {log.hasNextPage && (
        <p className="more">
          <button
            type="button"
            className="button"
            disabled={log.isFetchingNextPage}
            onClick={() => void log.fetchNextPage()}
          >
            {log.isFetchingNextPage ? 'Loading…' : 'Show earlier events'}
          </button>
        </p>
      )}
      {details !== undefined && (
        <DeliveryDialog delivery={details} onClose={() => setLooked(undefined)} />
      )}
    </>
  );
}

interface Actions {
  readonly onLook: (event: string) => void;
  /** Absent while nothing is sent to the endpoint. */
  readonly onResend: ((event: string) => void) | undefined;
}

function LogTable({
  deliveries,
  ...actions
}: { deliveries: readonly WebhookDelivery[] } & Actions) {
  return (
    <table className="table stack">
      <caption className="visually-hidden">Events, newest first</caption>
      <thead>
        <tr>
          <th scope="col">Event</th>
          <th scope="col">Happened</th>
          <th scope="col">Status</th>
          <th scope="col">Last answer</th>
          <th scope="col">
            <span className="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {deliveries.map((delivery) => (
          <LogRow key={delivery.event_id} delivery={delivery} {...actions} />
        ))}
      </tbody>
    </table>
  );
}

function LogRow({ delivery, onLook, onResend }: { delivery: WebhookDelivery } & Actions) {
  const { event_id: id, type, state, next_at: nextAt } = delivery;
  const { word, tone } = DELIVERY[state];
  const last = delivery.attempts.find(({ result }) => result !== null);
  return (
    <tr>
      <th scope="row">
        <code>{type}</code>
      </th>
      <td data-label="Happened">
        <Moment at={delivery.occurred_at} show="day and time" />
      </td>
      <td data-label="Status">
        <span>
          <Badge tone={tone}>{word}</Badge>
          {last !== undefined && nextAt !== null && (
            <span className="below hint">
              {onResend === undefined ? (
                'for it to be switched on'
              ) : (
                <>
                  again <Moment at={nextAt} show="day and time" />
                </>
              )}
            </span>
          )}
        </span>
      </td>
      <td data-label="Last answer">{last === undefined ? '–' : (last.status ?? last.words)}</td>
      <td className="cell-action">
        <div className="row-actions">
          <button type="button" className="button" onClick={() => onLook(id)}>
            Details<span className="visually-hidden"> of {type}</span>
          </button>
          {onResend !== undefined && (
            <button
              type="button"
              className="button"
              disabled={state === 'sending'}
              onClick={() => onResend(id)}
            >
              Send again<span className="visually-hidden"> {type}</span>
            </button>
          )}
        </div>
      </td>
    </tr>
  );
}
