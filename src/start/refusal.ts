/** The start cannot go on, for a reason the person who started it can mend. Not a bug. */
export class StartRefused extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = 'StartRefused';
    this.exitCode = exitCode;
  }
}

/** sysexits.h: something in the configuration. */
export const EXIT_CONFIG = 78;
