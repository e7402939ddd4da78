import { useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import type { BillingDetails, DetailsResponse } from '#console-api/billing/contract';
import { detailsQuery } from '../../api/billing-details.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Empty } from '../../ui/notice.tsx';
import { Section } from '../../ui/page.tsx';
import { Problem } from '../../ui/problem.tsx';
import { Skeleton } from '../../ui/skeleton.tsx';
import { DetailsForm } from './details-form.tsx';

/** The billing address as it stands on invoices, and the way to change it. */
export function DetailsSection(props: { organizationId: string; mayEdit: boolean; open: boolean }) {
  const details = useQuery(detailsQuery(props.organizationId));
  const [editing, setEditing] = useState(false);
  const known = details.data?.details ?? null;
  const ready = details.data !== undefined;

  // An address that names the form opens it, once its countries are known.
  useEffect(() => {
    if (props.open && ready && props.mayEdit) setEditing(true);
  }, [props.open, ready, props.mayEdit]);

  const edit = props.mayEdit && ready && (
    <button type="button" className="button button-plain" onClick={() => setEditing(true)}>
      {known === null ? 'Add address' : 'Edit address'}
    </button>
  );
  return (
    <Section title="Billing address" actions={edit}>
      {details.isPending && <Skeleton rows={2} label="Loading the billing address" />}
      {details.isError && details.data === undefined && (
        <Problem error={details.error} retry={() => void details.refetch()} />
      )}
      {details.data !== undefined && known === null && (
        <Empty title="No billing address yet">
          <p>
            {details.data.needed_first
              ? 'It decides the tax and is needed before the first purchase.'
              : 'It appears on invoices, and banks compare it with the card.'}
          </p>
        </Empty>
      )}
      {details.data !== undefined && known !== null && (
        <Address details={known} countries={details.data.countries} />
      )}
      {editing && details.data !== undefined && (
        <Dialog title="Billing address" onClose={() => setEditing(false)}>
          <DetailsForm
            response={details.data}
            onSaved={() => setEditing(false)}
            onCancel={() => setEditing(false)}
          />
        </Dialog>
      )}
    </Section>
  );
}

function Address(props: { details: BillingDetails; countries: DetailsResponse['countries'] }) {
  const { details, countries } = props;
  const country = countries.find(({ code }) => code === details.country);
  const state = country?.states.find(({ code }) => code === details.state)?.name ?? details.state;
  const kind = country?.tax_ids.find(({ type }) => type === details.tax_id_type);
  const place = [[details.postal_code, details.city].filter(Boolean).join(' '), state];
  const lines = [
    { part: 'line1', text: details.line1 },
    { part: 'line2', text: details.line2 },
    { part: 'place', text: place.filter(Boolean).join(', ') },
    { part: 'country', text: country?.name ?? details.country },
  ].filter(({ text }) => text !== '');
  return (
    <address className="address">
      <strong>{details.name}</strong>
      {lines.map(({ part, text }) => (
        <span key={part}>{text}</span>
      ))}
      {details.tax_id !== '' && (
        <span className="hint">
          {kind?.label ?? 'Tax number'} {details.tax_id}
        </span>
      )}
    </address>
  );
}
