import { pino } from 'pino';
import type { Config } from '#src/config';

export interface Log {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/** Lines of JSON on standard error, as standard output is the banner's. */
export const openLog = (config: Config): Log =>
  pino({ level: config.logLevel, base: null }, pino.destination({ dest: 2, sync: true }));
