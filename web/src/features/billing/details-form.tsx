import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useRef, useState } from 'react';
import type { BillingDetails, Country, DetailsResponse } from '#console-api/billing/contract';
import { detailsQuery, quotesOf, saveDetails } from '../../api/billing-details.ts';
import { Refusal } from '../../api/client.ts';
import { useSession } from '../../api/use-session.ts';
import { Field } from '../../ui/field.tsx';
import { Notice } from '../../ui/notice.tsx';
import { Problem } from '../../ui/problem.tsx';
import { SelectField } from '../../ui/select-field.tsx';

const EMPTY: BillingDetails = {
  name: '',
  line1: '',
  line2: '',
  city: '',
  state: '',
  postal_code: '',
  country: '',
  tax_id_type: '',
  tax_id: '',
};

type Problems = ReadonlyMap<string, string>;

/** Where the organization is billed. Which fields there are, and their form, is for the country. */
export function DetailsForm(props: {
  response: DetailsResponse;
  onSaved: () => void;
  onCancel: () => void;
}) {
  const { organization } = useSession();
  const queries = useQueryClient();
  const form = useRef<HTMLFormElement>(null);
  const [details, setDetails] = useState(props.response.details ?? EMPTY);
  const [problems, setProblems] = useState<Problems>(new Map());
  const country = props.response.countries.find(({ code }) => code === details.country);
  const notSold = country !== undefined && !country.sold;

  const save = useMutation({
    mutationFn: saveDetails,
    onSuccess: async () => {
      await queries.invalidateQueries(detailsQuery(organization.id));
      await queries.invalidateQueries({ queryKey: quotesOf(organization.id) });
      props.onSaved();
    },
    onError: (error) => {
      if (!(error instanceof Refusal) || error.field === undefined) return;
      const one = [{ field: error.field, message: error.message }];
      const found = error.problems.length === 0 ? one : error.problems;
      setProblems(new Map(found.map(({ field, message }) => [field, message])));
      const first = form.current?.elements.namedItem(found[0]?.field ?? '');
      if (first instanceof HTMLElement) first.focus();
    },
  });
  const change = (part: Partial<BillingDetails>) => {
    setDetails({ ...details, ...part });
    setProblems(new Map([...problems].filter(([field]) => !(field in part))));
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!save.isPending && !notSold) save.mutate(details);
  };

  return (
    <form ref={form} className="form" onSubmit={submit} noValidate>
      <SelectField
        label="Country"
        name="country"
        autoComplete="country"
        empty="Choose a country"
        value={details.country}
        options={props.response.countries.map(({ code, name }) => [code, name] as const)}
        problem={problems.get('country')}
        onChange={(code) => change({ country: code, state: '', tax_id_type: '', tax_id: '' })}
      />
      {notSold ? (
        <Notice tone="warning" title={`Credits are not sold to ${country.name} yet`}>
          <p>Nothing was charged. Use an address in another country if you have one.</p>
        </Notice>
      ) : (
        <AddressFields details={details} country={country} problems={problems} change={change} />
      )}
      {save.isError && problems.size === 0 && <Problem error={save.error} />}
      <div className="dialog-foot">
        <button type="button" className="button" onClick={props.onCancel}>
          Cancel
        </button>
        <button
          type="submit"
          className="button button-primary"
          aria-disabled={save.isPending || notSold}
        >
          {save.isPending ? 'Saving…' : 'Save address'}
        </button>
      </div>
    </form>
  );
}

interface FieldsProps {
  readonly details: BillingDetails;
  readonly country: Country | undefined;
  readonly problems: Problems;
  change(part: Partial<BillingDetails>): void;
}

function AddressFields({ details, country, problems, change }: FieldsProps) {
  const field = (
    name: keyof BillingDetails,
    label: string,
    autoComplete: string,
    hint?: string,
  ) => (
    <Field
      label={label}
      name={name}
      autoComplete={autoComplete}
      maxLength={200}
      value={details[name]}
      problem={problems.get(name)}
      onChange={(event) => change({ [name]: event.target.value })}
      {...(hint === undefined ? {} : { hint })}
    />
  );
  const states = country?.states ?? [];
  const example = country?.postal_example ?? null;
  return (
    <>
      {field('name', 'Name on the invoice', 'organization', 'A company, or your own name.')}
      {field('line1', 'Street and number', 'address-line1')}
      {field('line2', 'Suite, floor (optional)', 'address-line2')}
      <div className="field-pair">
        {field(
          'postal_code',
          example === null ? 'Postal code (optional)' : 'Postal code',
          'postal-code',
          example === null ? undefined : `Such as ${example}.`,
        )}
        {field('city', 'City', 'address-level2')}
      </div>
      {states.length > 0 ? (
        <SelectField
          label="State or province"
          name="state"
          autoComplete="address-level1"
          empty="Choose one"
          value={details.state}
          options={states.map(({ code, name }) => [code, name] as const)}
          problem={problems.get('state')}
          onChange={(state) => change({ state })}
        />
      ) : (
        field('state', 'State or region (optional)', 'address-level1')
      )}
      {country !== undefined && country.tax_ids.length > 0 && (
        <TaxIdFields details={details} country={country} problems={problems} change={change} />
      )}
    </>
  );
}

function TaxIdFields(props: FieldsProps & { country: Country }) {
  const { details, country, problems, change } = props;
  const kinds = country.tax_ids;
  const chosen = kinds.find(({ type }) => type === details.tax_id_type) ?? kinds[0];
  if (chosen === undefined) return null;
  return (
    <>
      {kinds.length > 1 && (
        <SelectField
          label="Kind of tax number"
          name="tax_id_type"
          value={chosen.type}
          options={kinds.map(({ type, label }) => [type, label] as const)}
          onChange={(type) => change({ tax_id_type: type })}
        />
      )}
      <Field
        label={`${chosen.label} (optional)`}
        hint={`For businesses, such as ${chosen.example}. It appears on the invoice and can change the tax.`}
        name="tax_id"
        autoComplete="off"
        maxLength={60}
        value={details.tax_id}
        problem={problems.get('tax_id')}
        onChange={(event) => change({ tax_id: event.target.value, tax_id_type: chosen.type })}
      />
    </>
  );
}
