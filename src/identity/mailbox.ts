import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A mail as the development mailbox has it (`mail.ts`). */
export interface KeptMail {
  readonly id: string;
  readonly at: Date;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly text: string;
  readonly html: string | null;
}

const NAME = /^(\d{1,15})-([0-9a-f]{8})\.eml$/;
const ID = /^\d{1,15}-[0-9a-f]{8}$/;
const SHOWN = 200;

/** The newest mails first. Nothing where no mail was ever written. */
export async function listMailbox(directory: string): Promise<KeptMail[]> {
  const names = await readdir(directory).catch(() => []);
  const newest = names
    .filter((name) => NAME.test(name))
    .sort(byTime)
    .slice(0, SHOWN);
  const mails = await Promise.all(newest.map((name) => readOne(directory, name)));
  return mails.filter((mail) => mail !== undefined);
}

const timeOf = (name: string): number => Number(NAME.exec(name)?.[1] ?? 0); // tidy: count, of ms
const byTime = (a: string, b: string): number => timeOf(b) - timeOf(a) || (a < b ? 1 : -1);

/** Undefined if there is no such mail; its name is never a path. */
export async function readMailbox(directory: string, id: string): Promise<KeptMail | undefined> {
  return ID.test(id) ? await readOne(directory, `${id}.eml`) : undefined;
}

async function readOne(directory: string, name: string): Promise<KeptMail | undefined> {
  const whole = await readFile(join(directory, name), 'utf8').catch(() => undefined);
  if (whole === undefined) return undefined;
  const { headers, body } = split(whole);
  const type = headers.find((header) => header.name === 'Content-Type')?.value ?? '';
  const boundary = /boundary="([^"]+)"/.exec(type)?.[1];
  const parts = boundary === undefined ? undefined : partsOf(body, boundary);
  return {
    ...{ id: name.replace(/\.eml$/, ''), at: new Date(timeOf(name)), headers },
    text: parts?.text ?? body,
    html: parts?.html ?? null,
  };
}

function split(whole: string): { headers: KeptMail['headers']; body: string } {
  const end = whole.indexOf('\n\n');
  const headers = whole
    .slice(0, end)
    .split('\n')
    .map((line) => {
      const colon = line.indexOf(': ');
      return { name: line.slice(0, colon), value: line.slice(colon + 2) };
    });
  return { headers, body: whole.slice(end + 2) };
}

function partsOf(body: string, boundary: string): { text: string; html: string | null } {
  const parts = body
    .split(`--${boundary}\n`)
    .slice(1)
    .map((part) => split(part.split(`--${boundary}--`)[0] ?? ''));
  const of = (type: string): string | null =>
    parts.find(({ headers }) => headers.some(({ value }) => value.startsWith(type)))?.body ?? null;
  return { text: of('text/plain') ?? '', html: of('text/html') };
}
