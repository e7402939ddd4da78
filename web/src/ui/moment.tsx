const dayAndTime = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });
const dayOnly = new Intl.DateTimeFormat('en', { dateStyle: 'medium' });
const exactTime = new Intl.DateTimeFormat('en', { timeStyle: 'medium' });
/** For what begins at a day's first moment in UTC, which in the reader's zone is another day. */
const dayInUtc = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeZone: 'UTC' });

const FORMATS = {
  'day and time': dayAndTime,
  day: dayOnly,
  'day in UTC': dayInUtc,
  time: exactTime,
};

const asUtc = (at: Date) => `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`;

/** A time in the reader's zone, with UTC in the title. Never "in 3 days": test clocks move. */
export function Moment({ at, show = 'day' }: { at: string; show?: keyof typeof FORMATS }) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return <span>{at}</span>;
  return (
    <time dateTime={at} title={asUtc(date)}>
      {FORMATS[show].format(date)}
    </time>
  );
}
