import type { LimitsResponse, SpendLimit } from '#console-api/contract';

export const LEVELS: Readonly<Record<SpendLimit['level'], string>> = {
  tier: 'Tier',
  organization: 'Organization',
  workspace: 'Workspace',
  api_key: 'API key',
};

/** What happens at a limit, in the words of a form and of a line below its amount. */
export const ACTIONS: Readonly<
  Record<SpendLimit['action'], { choice: string; line: string; sentence: string }>
> = {
  notify_and_pause: {
    choice: 'Refuse further requests',
    line: 'then requests are refused',
    sentence:
      'A request that could pass the limit is refused before it is sent, until the next month ' +
      'begins or the limit is raised. What is under way finishes and counts.',
  },
  notify_only: {
    choice: 'Tell us, and keep serving',
    line: 'then you are told',
    sentence:
      'Nothing is refused: you are told that the limit was reached, and spending goes on for as ' +
      'long as there is credit.',
  },
};

/** Who set a limit, where the name does not say it. */
export const SETTERS: Readonly<Record<SpendLimit['set_by_kind'], string>> = {
  member: 'member, in the Console',
  admin_key: 'by API',
  operator: 'by command line',
  tier: 'by the operator’s tiers',
};

/** One sentence each: what is held before a request is sent. */
export const HOLDS: Readonly<
  Record<LimitsResponse['hold_policy'], { name: string; sentence: string }>
> = {
  full: {
    name: 'In full',
    sentence:
      'Before a request is sent, the most it can cost is held; what it does not use is available ' +
      'again as soon as it ends.',
  },
  sliced: {
    name: 'In slices',
    sentence:
      'Of a streamed answer a part is held at a time, and more as it grows; should the credit run ' +
      'out, the answer ends there and only what was delivered is charged.',
  },
  auto: {
    name: 'In full, or in slices where that is too much',
    sentence:
      'Before a request is sent, the most it can cost is held; a streamed answer that the credit ' +
      'does not cover is held for in parts as it grows, and ends where the credit does.',
  },
};
