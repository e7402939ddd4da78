import type { Question } from './oracle.mjs';
import type { OracleUsage } from './prices.mjs';

export type Read =
  | { readonly outcome: 'charged'; readonly rule: string; readonly usage: OracleUsage }
  | { readonly outcome: 'free' | 'quarantined'; readonly rule: string };

export function readAnswer(
  row: Question,
  contextWindowOf: (model: string) => number | undefined,
): Read;
