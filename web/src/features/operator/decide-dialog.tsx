import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { FoundOrganization, OperatorPayment } from '#console-api/operator/contract';
import { Refusal } from '../../api/client.ts';
import { decide, OPERATOR, paymentQuery } from '../../api/operator.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { exactText } from '../../ui/money-text.ts';
import { Notice } from '../../ui/notice.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { ChooseOrganization } from './choose-organization.tsx';
import { PaymentAmounts } from './payment-amounts.tsx';
import { problemAt, REASON_MISSING, ReasonField } from './reason-field.tsx';
import { RemedyWords } from './remedy-words.tsx';

export interface Deciding {
  readonly kind: 'credit' | 'refund';
  readonly payment: string;
}

const TITLES = { credit: 'Credit this payment here', refund: 'Refund this payment' };

/** The second click, under what it will do to the cent; then what became of it. */
export function DecideDialog(props: { deciding: Deciding; onClose: () => void }) {
  const { kind, payment: id } = props.deciding;
  const queries = useQueryClient();
  const payment = useQuery({ ...paymentQuery(id), staleTime: 0 });
  const close = () => {
    void queries.invalidateQueries({ queryKey: [OPERATOR] });
    props.onClose();
  };
  const { data } = payment;
  return (
    <Dialog title={TITLES[kind]} onClose={close}>
      {payment.isPending && <Skeleton rows={3} label="Asking the payment processor" />}
      {payment.isError && data === undefined && (
        <Problem error={payment.error} retry={() => void payment.refetch()} />
      )}
      {data?.decidable === true && <Form kind={kind} payment={data} onCancel={close} />}
      {data?.decidable === false && <Ended payment={data} onClose={close} />}
      {data === undefined && <Foot onClose={close} />}
    </Dialog>
  );
}

function Foot({ onClose }: { onClose: () => void }) {
  return (
    <div className="dialog-foot">
      <button type="button" className="button" onClick={onClose}>
        Close
      </button>
    </div>
  );
}

function Ended({ payment, onClose }: { payment: OperatorPayment; onClose: () => void }) {
  const { remedy } = payment;
  return (
    <>
      {remedy === null ? (
        <Notice tone="quiet" title={payment.words} />
      ) : (
        <RemedyWords remedy={remedy} to={payment.organization?.name} />
      )}
      <Foot onClose={onClose} />
    </>
  );
}

/** What the button says it will do, in numbers. */
function deed(kind: Deciding['kind'], payment: OperatorPayment): string {
  const { amounts } = payment;
  if (kind === 'credit') return `Credit ${exactText(amounts?.credit_usd ?? '0')}`;
  return `Refund ${amounts === null ? payment.received : exactText(amounts.total_usd)}`;
}

function Form(props: { kind: Deciding['kind']; payment: OperatorPayment; onCancel: () => void }) {
  const { kind, payment } = props;
  const queries = useQueryClient();
  const [reason, setReason] = useState('');
  const [chosen, setChosen] = useState<Pick<FoundOrganization, 'id' | 'name'> | null>(
    payment.organization,
  );
  const [choosing, setChoosing] = useState(payment.organization === null);
  const [problem, setProblem] = useState<{ reason?: string; organization?: string }>({});
  const save = useMutation({
    mutationFn: () =>
      decide(
        payment.id,
        kind === 'credit'
          ? { kind, organizationId: chosen?.id ?? null, reason: reason.trim() }
          : { kind, reason: reason.trim() },
      ),
    onSuccess: (now) => queries.setQueryData(paymentQuery(payment.id).queryKey, now),
    // Somebody was first: what they did is shown in place of the form.
    onError: () => void queries.invalidateQueries(paymentQuery(payment.id)),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const missing = {
      ...(reason.trim() === '' ? { reason: REASON_MISSING } : {}),
      ...(kind === 'credit' && chosen === null
        ? { organization: 'Organization: choose the one that gets the credit.' }
        : {}),
    };
    setProblem(missing);
    if (Object.keys(missing).length === 0 && !save.isPending) save.mutate();
  };
  const impossible = kind === 'credit' && payment.amounts === null;
  const fields = ['reason', 'organization_id'];
  const elsewhere =
    save.isError && !(save.error instanceof Refusal && fields.includes(save.error.field ?? ''));
  return (
    <form className="form" onSubmit={submit} noValidate>
      {payment.remedy === null ? <p>{payment.words}</p> : <RemedyWords remedy={payment.remedy} />}
      <PaymentAmounts payment={payment} kind={kind} />
      {payment.refunded && (
        <Notice tone="warning" title="Something of it went back before">
          <p>{kind === 'credit' ? 'It cannot be credited.' : 'Only the rest is refunded.'}</p>
        </Notice>
      )}
      {kind === 'credit' && !impossible && (
        <>
          {chosen !== null && (
            <p className="op-to">
              To <strong>{chosen.name}</strong> <span className="reference">{chosen.id}</span>
              {!choosing && (
                <button
                  type="button"
                  className="button button-plain"
                  onClick={() => setChoosing(true)}
                >
                  Another organization
                </button>
              )}
            </p>
          )}
          {choosing && (
            <ChooseOrganization
              chosen={chosen?.id}
              problem={problem.organization ?? problemAt(save.error, 'organization_id')}
              onChoose={(organization) => {
                setChosen(organization);
                setProblem(({ reason: kept }) => (kept === undefined ? {} : { reason: kept }));
              }}
            />
          )}
        </>
      )}
      {!impossible && (
        <ReasonField
          value={reason}
          problem={problem.reason ?? problemAt(save.error, 'reason')}
          onChange={(text) => {
            setReason(text);
            setProblem(({ organization }) => (organization === undefined ? {} : { organization }));
          }}
        />
      )}
      {elsewhere && <Problem error={save.error} />}
      <div className="dialog-foot">
        <button type="button" className="button" onClick={props.onCancel}>
          Cancel
        </button>
        {!impossible && (
          <button type="submit" className="button button-primary" aria-disabled={save.isPending}>
            {save.isPending ? 'Noting the decision…' : deed(kind, payment)}
          </button>
        )}
      </div>
    </form>
  );
}
