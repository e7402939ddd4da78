import { ACCOUNTS } from '#ledger/accounts';
import { FLOWS } from '#ledger/flows';

/** docs/chart-of-accounts.md, from the tables the code runs on. A test compares the two. */
export function chartOfAccounts(): string {
  const accounts = Object.entries(ACCOUNTS).map(
    ([name, a]) =>
      `| \`${name === 'grant' ? 'grant:<id>' : name}\` | ${a.owner} | ${a.floor} | ${a.meaning} |`,
  );
  const flows = Object.entries(FLOWS).map(
    ([reason, f]) => `| \`${reason}\` | \`${f.from}\` | \`${f.to}\` |`,
  );
  const accountsOf = Object.keys(ACCOUNTS).map((name) => {
    const entries = Object.entries(FLOWS);
    const inward = entries.filter(([, f]) => f.to === name).map(([reason]) => reason);
    const outward = entries.filter(([, f]) => f.from === name).map(([reason]) => reason);
    const height = Math.max(inward.length, outward.length);
    const rows = Array.from({ length: height }, (_, i) =>
      `  ${(inward[i] ?? '').padEnd(20)} | ${outward[i] ?? ''}`.trimEnd(),
    );
    return [
      name.toUpperCase(),
      `  ${'in'.padEnd(20)} | out`,
      `  ${'-'.repeat(20)}-+-${'-'.repeat(20)}`,
      ...rows,
    ].join('\n');
  });
  return `# Chart of accounts

Made from \`src/ledger/accounts.ts\` and \`src/ledger/flows.ts\` by \`node scripts/chart-of-accounts.ts\`. Balances are "in minus out".

| Account | Whose | Floor | Meaning |
|---|---|---|---|
${accounts.join('\n')}

## Permitted moves

| Reason | From | To |
|---|---|---|
${flows.join('\n')}

## As T-accounts

\`\`\`text
${accountsOf.join('\n\n')}
\`\`\`
`;
}

if (process.argv[1] === import.meta.filename) process.stdout.write(chartOfAccounts());
