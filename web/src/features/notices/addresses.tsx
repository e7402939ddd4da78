import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import type { NoticesResponse } from '#console-api/notices/contract';
import { Refusal } from '../../api/client.ts';
import { addNoticeAddress, removeNoticeAddress } from '../../api/notices.ts';
import { Dialog } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { Moment } from '../../ui/moment.tsx';
import { Badge, Empty } from '../../ui/notice.tsx';
import { Section } from '../../ui/page.tsx';
import { explain, Problem } from '../../ui/problem.tsx';

interface Props {
  readonly data: NoticesResponse;
  readonly mayChange: boolean;
  readonly onSaved: (answer: NoticesResponse) => void;
}

/** Addresses of nobody who signs in here: an accounting office, a team's mailing list. */
export function Addresses({ data, mayChange, onSaved }: Props) {
  const [adding, setAdding] = useState(false);
  const remove = useMutation({ mutationFn: removeNoticeAddress, onSuccess: onSaved });
  const titleOf = (topic: string) => data.topics.find((one) => one.topic === topic)?.title ?? topic;
  const add = mayChange && (
    <button type="button" className="button" onClick={() => setAdding(true)}>
      Add an address
    </button>
  );
  return (
    <Section title="Other addresses" actions={add}>
      {remove.isError && <Problem error={remove.error} />}
      {data.addresses.length === 0 ? (
        <Empty title="No other address is told anything">
          <p>Add your accounting office or a mailing list. Its owner has to agree first.</p>
        </Empty>
      ) : (
        <ul className="notice-list">
          {data.addresses.map(({ address, topics, confirmed_at }) => (
            <li key={address}>
              <p className="notice-line">
                <strong className="notice-address">{address}</strong>{' '}
                {confirmed_at === null ? (
                  <Badge tone="warning">Has not agreed yet</Badge>
                ) : (
                  <Badge tone="good">Agreed</Badge>
                )}
              </p>
              <p className="hint">
                {topics.map(titleOf).join(', ')}
                {confirmed_at !== null && (
                  <>
                    {' '}
                    · since <Moment at={confirmed_at} />
                  </>
                )}
              </p>
              {mayChange && (
                <button
                  type="button"
                  className="button button-plain"
                  disabled={remove.isPending}
                  aria-label={`Remove ${address}`}
                  onClick={() => remove.mutate(address)}
                >
                  Remove
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
      {adding && <AddDialog data={data} onSaved={onSaved} onClose={() => setAdding(false)} />}
    </Section>
  );
}

const FIRST_CHOICE = ['receipts'];

function AddDialog(props: Omit<Props, 'mayChange'> & { onClose: () => void }) {
  const { data, onSaved, onClose } = props;
  const [address, setAddress] = useState('');
  const [topics, setTopics] = useState<string[]>(FIRST_CHOICE);
  const [problem, setProblem] = useState<string>();
  const save = useMutation({
    mutationFn: addNoticeAddress,
    onSuccess: (answer) => {
      onSaved(answer);
      onClose();
    },
  });
  const ofAddress = save.error instanceof Refusal && save.error.field === 'address';
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const entered = address.trim();
    const fits = /^[^\s@<>,]+@[^\s@<>,]+$/.test(entered);
    setProblem(fits ? undefined : 'Enter an address such as accounts@example.com.');
    if (fits) save.mutate({ address: entered, topics });
  };
  return (
    <Dialog title="Add an address" onClose={onClose}>
      <form className="form" onSubmit={submit} noValidate>
        <Field
          label="E-mail address"
          hint="It gets one mail that asks whether it wants this. Nothing else before it agrees."
          type="email"
          name="address"
          autoComplete="off"
          value={address}
          problem={problem ?? (ofAddress ? explain(save.error).message : undefined)}
          onChange={(event) => setAddress(event.target.value)}
        />
        <fieldset className="notice-choices">
          <legend>Tell it about</legend>
          {data.topics.map(({ topic, title }) => (
            <label key={topic} className="tick">
              <input
                type="checkbox"
                checked={topics.includes(topic)}
                onChange={(event) =>
                  setTopics(
                    event.target.checked
                      ? [...topics, topic]
                      : topics.filter((other) => other !== topic),
                  )
                }
              />
              {title}
            </label>
          ))}
        </fieldset>
        {save.isError && !ofAddress && <Problem error={save.error} />}
        <div className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button button-primary" disabled={save.isPending}>
            {save.isPending ? 'Adding…' : 'Add and ask'}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
