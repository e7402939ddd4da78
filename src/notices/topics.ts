import { ROLES, type Role } from '#orgs/roles';

/** What people choose by: kinds that concern the same people. Persisted: never renamed. */
export const TOPICS = [
  'access',
  'balance',
  'receipts',
  'payments',
  'limits',
  'endings',
  'keys',
  'safety',
  'webhooks',
  'operation',
] as const;
export type Topic = (typeof TOPICS)[number];

export interface TopicRow {
  readonly title: string;
  readonly about: string;
  /** Who is told unless the organization chooses otherwise. */
  readonly roles: readonly Role[];
  /**
   * Somebody must know: nobody can unsubscribe by themselves, and where the chosen roles have
   * nobody, the admins are told.
   */
  readonly mandatory: boolean;
}

const MONEY: readonly Role[] = ['billing', 'admin'];

export const TOPIC_ROWS: Readonly<Record<Topic, TopicRow>> = {
  access: {
    title: 'API access off and on',
    about: 'Requests are refused because credits ran out, and when they are accepted again.',
    roles: ['developer', 'billing', 'admin'],
    mandatory: true,
  },
  balance: {
    title: 'Balance running low',
    about: 'The balance fell below your mark, or will last only a few days more.',
    roles: MONEY,
    mandatory: false,
  },
  receipts: {
    title: 'Receipts',
    about: 'Every purchase, by hand or by auto-reload, and every refund.',
    roles: MONEY,
    mandatory: true,
  },
  payments: {
    title: 'Payments that need attention',
    about: 'Declined payments, auto-reload that failed or stopped, disputes.',
    roles: MONEY,
    mandatory: true,
  },
  limits: {
    title: 'Spend limits',
    about: 'Spending reached a step of a limit, or the limit itself.',
    roles: MONEY,
    mandatory: false,
  },
  endings: {
    title: 'Credits and cards that end',
    about: '30, 7 and 1 days before credits expire; 30 and 7 days before a saved card does.',
    roles: MONEY,
    mandatory: false,
  },
  keys: {
    title: 'API keys that end',
    about: '7 and 1 days before a key expires.',
    roles: ['developer', 'admin'],
    mandatory: false,
  },
  safety: {
    title: 'Unusual spending',
    about: 'A key or the organization spends far faster than it used to; a key was paused.',
    roles: ['developer', 'admin'],
    mandatory: true,
  },
  webhooks: {
    title: 'Webhook endpoints',
    about: 'An endpoint of yours kept failing and is sent nothing more.',
    roles: ['developer', 'admin'],
    mandatory: false,
  },
  operation: {
    title: 'Operation',
    about: 'For those who run this deployment.',
    roles: [],
    mandatory: true,
  },
};

/** Those an organization chooses about. */
export const CHOSEN_TOPICS: readonly Topic[] = TOPICS.filter((topic) => topic !== 'operation');

export const parseTopic = (text: string): Topic | undefined =>
  TOPICS.find((topic) => topic === text);

/** Roles that may be chosen: whoever may only use the playground is told nothing about money. */
export const TOLD_ROLES: readonly Role[] = ROLES.filter(
  (role) => role !== 'user' && role !== 'claude_code_user',
);
