/**
 * A bug or broken infrastructure. `message` is for operators; only `publicMessage` may reach a
 * response, so an internal detail cannot leak through an error page.
 */
export class Fault extends Error {
  readonly publicMessage: string;
  constructor(internal: string, publicMessage = 'Internal server error', cause?: unknown) {
    super(internal, cause === undefined ? undefined : { cause });
    this.name = 'Fault';
    this.publicMessage = publicMessage;
  }
}

export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Fault(`assertion failed: ${message}`);
}

/** Ends an exhaustive switch: adding a case without handling it does not compile. */
export function unreachable(value: never): never {
  throw new Fault(`unreachable: ${JSON.stringify(value)}`);
}
