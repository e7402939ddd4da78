import { AsyncLocalStorage } from 'node:async_hooks';
import { Fault } from '#kernel/assert';

const inside = new AsyncLocalStorage<true>();

export const enterTransaction = <T>(work: () => Promise<T>): Promise<T> => inside.run(true, work);

/**
 * A call to the outside while a transaction is open holds locks for as long as a stranger likes,
 * and cannot be undone by a rollback. Every outbound adapter asserts this first.
 */
export function assertOutsideTransaction(call: string): void {
  if (inside.getStore() === true) throw new Fault(`${call} inside a database transaction`);
}
