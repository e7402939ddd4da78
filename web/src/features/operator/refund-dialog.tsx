import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { RefundQuote } from '#console-api/operator/contract';
import { OPERATOR, refundQuoteQuery, refundUnspent } from '../../api/operator.ts';
import { Exact } from '../../ui/amount.tsx';
import { Dialog } from '../../ui/dialog.tsx';
import { exactText } from '../../ui/money-text.ts';
import { Notice } from '../../ui/notice.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { problemAt, REASON_MISSING, ReasonField } from './reason-field.tsx';

type Refundable = RefundQuote & { readonly amounts: NonNullable<RefundQuote['amounts']> };

const refundable = (quote: RefundQuote): Refundable | undefined =>
  quote.amounts === null ? undefined : { ...quote, amounts: quote.amounts };

/** Gives the unspent part of a purchase back to its card, with its tax: exactly what is shown. */
export function RefundDialog(props: { purchaseId: string; onClose: () => void }) {
  const { purchaseId, onClose } = props;
  const quote = useQuery(refundQuoteQuery(purchaseId));
  const possible = quote.data === undefined ? undefined : refundable(quote.data);
  return (
    <Dialog title="Refund what is unspent" onClose={onClose}>
      <p className="reference">{purchaseId}</p>
      {quote.isPending && <Skeleton rows={3} label="Counting what is unspent" />}
      {quote.isError && <Problem error={quote.error} retry={() => void quote.refetch()} />}
      {quote.data?.refusal != null && <Notice tone="quiet" title={quote.data.refusal} />}
      {possible === undefined ? (
        <div className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            Close
          </button>
        </div>
      ) : (
        <Form quote={possible} onClose={onClose} />
      )}
    </Dialog>
  );
}

function Form({ quote, onClose }: { quote: Refundable; onClose: () => void }) {
  const queries = useQueryClient();
  const [reason, setReason] = useState('');
  const [problem, setProblem] = useState<string>();
  const save = useMutation({
    mutationFn: () => refundUnspent(quote, reason.trim()),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: [OPERATOR] });
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
  const { amounts } = quote;
  const ofReason = problemAt(save.error, 'reason');
  return (
    <form className="form" onSubmit={submit} noValidate>
      <p>
        The credit of {quote.organization.name} is taken at once. Automatic purchases are switched
        off, or it would be bought again.
      </p>
      <dl className="total">
        <div>
          <dt>Unspent credit</dt>
          <dd>
            <Exact usd={amounts.credit_usd} />
          </dd>
        </div>
        <div>
          <dt>its tax</dt>
          <dd>
            <Exact usd={amounts.tax_usd} />
          </dd>
        </div>
        <div className="total-sum">
          <dt>Goes back to the card</dt>
          <dd>
            <Exact usd={amounts.total_usd} />
          </dd>
        </div>
      </dl>
      <ReasonField value={reason} problem={problem ?? ofReason} onChange={write} />
      {save.isError && ofReason === undefined && <Problem error={save.error} />}
      <div className="dialog-foot">
        <button type="button" className="button" onClick={onClose}>
          Cancel
        </button>
        <button type="submit" className="button button-primary" aria-disabled={save.isPending}>
          {save.isPending ? 'Refunding…' : `Refund ${exactText(amounts.total_usd)}`}
        </button>
      </div>
    </form>
  );
}
