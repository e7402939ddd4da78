import type { FirstOwner } from '#src/start/first-owner';
import type { RunFile } from '#src/start/run-file';

/** What a person sees who started it: what runs where, and what to do first. */
export function banner(
  brand: string,
  run: RunFile,
  owner: FirstOwner | undefined,
  simulated: boolean,
): string {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['Console', run.console],
    ['Gateway', run.gateway],
    ['Operations', run.ops === undefined ? undefined : `${run.ops}/metrics`],
    ['Payments', run.stripe_sim === undefined ? undefined : `${run.stripe_sim}  (simulator)`],
    ['Models', run.model_sim === undefined ? undefined : `${run.model_sim}  (simulator)`],
  ];
  const shown = rows.flatMap(([name, value]) =>
    value === undefined ? [] : [`  ${name.padEnd(12)}${value}`],
  );
  return [
    '',
    `${brand} is running${simulated ? ', with simulated money' : ''}.`,
    '',
    ...shown,
    ...(owner === undefined ? [] : firstSteps(run, owner)),
    '',
    'Ctrl-C stops everything.',
    '',
  ].join('\n');
}

function firstSteps(run: RunFile, owner: FirstOwner): string[] {
  return [
    '',
    'Sign in (one use, 15 minutes):',
    `  ${owner.signInUrl}`,
    '',
    'Or spend some credit from here:',
    `  npx bursar grant --org ${owner.organizationId} --usd 5`,
    `  export BURSAR_KEY=$(npx bursar key create --org ${owner.organizationId} | head -n 1)`,
    `  curl ${run.gateway ?? ''}/v1/messages \\`,
    '    -H "x-api-key: $BURSAR_KEY" -H "anthropic-version: 2023-06-01" \\',
    '    -H "content-type: application/json" \\',
    `    -d '{"model":"claude-opus-5-5","max_tokens":100,"messages":[{"role":"user","content":"Hello"}]}'`,
  ];
}
