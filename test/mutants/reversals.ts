import { bugsIn, type PlantedBug } from './planted-bug.ts';

const DISPUTES = [
  'src/ledger/disputes.test.ts',
  'src/ledger/disputes.db.test.ts',
  'src/ledger/breakage.db.test.ts',
  'src/ledger/promised-debt.db.test.ts',
  'src/ledger/reversals.db.test.ts',
];
const REFUNDS = [
  'src/ledger/grant-lock.db.test.ts',
  'src/ledger/refunds.test.ts',
  'src/ledger/tax-share.test.ts',
  'src/ledger/refunds.db.test.ts',
];

/** Credit that is taken back: disputes, refunds, voids, and what open holds keep of it. */
export const REVERSALS: readonly PlantedBug[] = [
  ...bugsIn({ file: 'src/ledger/disputes.ts', simulated: true, tests: DISPUTES }, [
    {
      id: 'freeze-takes-what-is-held',
      bug: 'A freeze takes all that is unspent, also what open holds were promised.',
      find: 'grant.expired || grant.stopped ? ZERO : grant.unpromised;',
      replace: 'grant.expired || grant.stopped ? ZERO : grant.remaining;',
    },
    {
      id: 'freeze-takes-what-expired',
      bug: 'A freeze takes credit that has expired and that the customer no longer has.',
      find: 'grant.expired || grant.stopped ? ZERO : grant.unpromised;',
      replace: 'grant.stopped ? ZERO : grant.unpromised;',
    },
    {
      id: 'freeze-of-a-gift',
      bug: 'Credit that nobody paid for can be disputed.',
      find: "  if (grant.kind !== 'purchase') return { outcome: 'not_a_purchase' };\n",
      replace: '',
    },
    {
      id: 'release-returns-twice',
      bug: 'A dispute that is won is won again when it is told again.',
      find: `const amount = nanos(freeze.amount_nanos);
  if (freeze.state !== 'frozen')`,
      replace: `const amount = nanos(freeze.amount_nanos);
  if (freeze.state === 'seized')`,
    },
    {
      id: 'release-leaves-it-stopped',
      bug: 'What a won dispute gives back cannot be used.',
      find: '  await tx.query(resumeGrant(organizationId, freeze.grant_id));\n',
      replace: '',
    },
    {
      id: 'seize-twice',
      bug: 'A dispute that is lost is lost again when it is told again.',
      find: `const frozen = nanos(freeze.amount_nanos);
  if (freeze.state !== 'frozen')`,
      replace: `const frozen = nanos(freeze.amount_nanos);
  if (freeze.state === 'released')`,
    },
    {
      id: 'seize-expired-as-debt',
      bug: 'A lost dispute makes a debt of credit that the customer had lost by expiry.',
      find: `  const spent = take(used - indebted);
  const breakage = take(broken - unbroken);`,
      replace: `  const spent = take(used - indebted + broken - unbroken);
  const breakage = ZERO;`,
    },
    {
      id: 'seize-before-the-job-has-run',
      bug: 'A lost dispute makes a debt of expired credit because no job has booked it yet.',
      find: '  await tx.query(sql.bookUncovered(organizationId, grantId));\n',
      replace: '',
    },
    {
      id: 'seize-spent-before-frozen',
      bug: 'A lost dispute makes a debt before it takes what is frozen.',
      find: `  const seized = take(frozen);
  const spent = take(used - indebted);`,
      replace: `  const spent = take(used - indebted);
  const seized = take(frozen);`,
    },
    {
      id: 'seize-forgets-the-promised',
      bug: 'What open holds still need of a lost payment is not owed.',
      find: 'debt: sum([spent, promised])',
      replace: 'debt: spent',
    },
    {
      id: 'seize-keeps-the-rest-frozen',
      bug: 'What a claim for a part leaves of the frozen credit stays frozen.',
      find: 'const released = nanos(frozen - seized);',
      replace: 'const released = ZERO;',
    },
    {
      id: 'seize-all-of-the-tax',
      bug: 'A claim for a part takes the whole tax.',
      find: 'const tax = taxShare({ ...grant, back: givenBack(grant), part: claim });',
      replace: 'const { tax } = grant;',
    },
    {
      id: 'seize-more-than-was-paid',
      bug: 'A second claim takes what an earlier one or a refund has already given back.',
      find: 'const claimable = nanos(grant.credit - givenBack(grant));',
      replace: 'const claimable = grant.credit;',
    },
    {
      id: 'seize-lets-the-promised-go',
      bug: 'After a lost dispute the part that open holds keep can be promised again.',
      find: 'if (taken.promised === 0n) await',
      replace: 'await',
    },
  ]),
  ...bugsIn({ file: 'migrations/0013-grants-in-full.sql', simulated: true, tests: DISPUTES }, [
    {
      id: 'freeze-in-the-past',
      bug: 'A grant stops now, though a hold was placed in this very microsecond.',
      find: `  SELECT greatest(bursar.now(), max(h.placed_at) + interval '1 microsecond',
                  max(e.extended_at) + interval '1 microsecond')`,
      replace: '  SELECT bursar.now()',
    },
    {
      id: 'freeze-not-raised-by-the-rest',
      bug: 'What holds leave of a frozen grant is frozen, but the dispute does not know it.',
      find: 'UPDATE ledger.freezes SET amount_nanos = amount_nanos + g.rest\n',
      replace: 'UPDATE ledger.freezes SET amount_nanos = amount_nanos\n',
    },
    {
      id: 'promised-part-not-repaid',
      bug: 'What holds leave of a seized grant is given to the customer who still owes it.',
      find: '    IF promised > 0 THEN\n',
      replace: '    IF promised < 0 THEN\n',
    },
    {
      id: 'promised-part-repays-too-much',
      bug: 'What holds leave of a seized grant repays more than was made a debt of it.',
      find: 'SELECT least(g.rest, promised, -customer_debt_nanos) INTO STRICT owed',
      replace: 'SELECT least(g.rest, -customer_debt_nanos) INTO STRICT owed',
    },
    {
      id: 'grant-stays-stopped',
      bug: 'After a dispute is over, what it left of the grant stays out of use.',
      find: `      UPDATE ledger.grants SET stopped_at = NULL WHERE organization_id = p_org AND id = g.id;
      PERFORM`,
      replace: '      PERFORM',
    },
  ]),
  ...bugsIn(
    { file: 'src/ledger/grant-facts.ts', simulated: true, tests: [...DISPUTES, ...REFUNDS] },
    [
      {
        id: 'given-back-forgets-refunds',
        bug: 'A dispute may claim what was refunded before.',
        find: 'sum([f.refunded, f.seized, f.indebted, f.unbroken]);',
        replace: 'sum([f.seized, f.indebted, f.unbroken]);',
      },
      {
        id: 'given-back-forgets-debt',
        bug: 'A refund may return what a lost dispute has made a debt of.',
        find: 'sum([f.refunded, f.seized, f.indebted, f.unbroken]);',
        replace: 'sum([f.refunded, f.seized, f.unbroken]);',
      },
      {
        id: 'unpromised-is-all-that-is-left',
        bug: 'What is left of a grant is taken to be promised to nobody.',
        find: 'unpromised: least(remaining, nanos(row.available_nanos)),',
        replace: 'unpromised: remaining,',
      },
      {
        id: 'grant-read-before-the-lock',
        bug: 'A grant is read without the lock, while requests go on spending it.',
        find: '  await tx.query(lockBook(organizationId));\n  const [row]',
        replace: '  const [row]',
      },
      {
        id: 'sums-not-counted-after-nothing',
        bug: 'Where a command moves nothing, the sums are not counted though a grant has stopped.',
        find: `  await tx.query(
    lines.length > 0
      ? sql.postNow(organizationId, reference, lines)
      : sql.countGrants(organizationId),
  );`,
        replace:
          '  if (lines.length > 0) await tx.query(sql.postNow(organizationId, reference, lines));',
      },
    ],
  ),
  ...bugsIn({ file: 'src/ledger/refunds.ts', simulated: true, tests: REFUNDS }, [
    {
      id: 'refund-beyond-the-unspent',
      bug: 'Up to the whole payment is refunded, whatever was spent of it.',
      find: 'const most = least(grant.unpromised, nanos(grant.credit - givenBack(grant)));',
      replace: 'const most = nanos(grant.credit - givenBack(grant));',
    },
    {
      id: 'refund-of-what-is-held',
      bug: 'A refund takes what open holds were promised.',
      find: 'const most = least(grant.unpromised, nanos(grant.credit - givenBack(grant)));',
      replace: 'const most = least(grant.remaining, nanos(grant.credit - givenBack(grant)));',
    },
    {
      id: 'refund-of-expired-credit',
      bug: 'Credit that has expired is refunded.',
      find: "  if (grant.expired) return { outcome: 'expired' };\n",
      replace: '',
    },
    {
      id: 'refund-of-disputed-credit',
      bug: 'A charge in dispute is refunded as well.',
      find: "  if (grant.stopped) return { outcome: 'frozen' };\n",
      replace: '',
    },
    {
      id: 'refund-of-a-gift',
      bug: 'Credit that nobody paid for is refunded.',
      find: "  if (grant.kind !== 'purchase') return { outcome: 'not_a_purchase' };\n",
      replace: '',
    },
    {
      id: 'refund-failure-credits-twice',
      bug: 'A refund that failed gives the credit back each time it is told.',
      find: "  if (row.state === 'failed') return { outcome: 'already_failed', amount, tax };\n",
      replace: '',
    },
    {
      id: 'refund-paid-twice',
      bug: 'A refund that was paid is paid again when it is told again.',
      find: "if (row.state !== 'refunding') return",
      replace: "if (row.state === 'failed') return",
    },
    {
      id: 'refund-bounce-not-booked',
      bug: 'Money that a bank sends back does not come back into the books.',
      find: "refundReturned(row.grant_id, amount, tax, row.state === 'paid');",
      replace: 'refundReturned(row.grant_id, amount, tax, false);',
    },
    {
      id: 'refund-tax-part-by-part',
      bug: 'The tax of each part is rounded by itself, so parts do not add up to the whole.',
      find: `  const due = (tax * (back + part)) / credit;`,
      replace: `  const due = taxBack + (tax * part) / credit + 0n * back;`,
    },
    {
      id: 'refund-tax-in-floats',
      bug: 'The tax of a refund is computed in floating point.',
      find: 'const due = (tax * (back + part)) / credit;',
      replace:
        'const due = BigInt(Math.floor(Number(tax) * (Number(back + part) / Number(credit))));',
    },
    {
      id: 'refund-of-odd-fractions',
      bug: 'A refund of a fraction of a cent is promised, which no card can be paid.',
      find: "  if (amount % unit !== 0n) return { outcome: 'not_payable' };\n",
      replace: '',
      simulated: false,
    },
    {
      id: 'refund-failed-still-counts',
      bug: 'A refund that failed still counts as given back.',
      file: 'src/ledger/grants-sql.ts',
      find: "WHERE organization_id = $1 AND grant_id = $2 AND state <> 'failed'),",
      replace: 'WHERE organization_id = $1 AND grant_id = $2),',
    },
  ]),
  ...bugsIn(
    { file: 'src/ledger/voiding.ts', simulated: true, tests: ['src/ledger/voiding.db.test.ts'] },
    [
      {
        id: 'void-takes-what-is-held',
        bug: 'A void takes what open holds were promised.',
        find: 'const amount = grant.unpromised;',
        replace: 'const amount = grant.remaining;',
      },
      {
        id: 'void-leaves-it-usable',
        bug: 'What holds keep of a voided grant can be promised again.',
        find: '  await tx.query(stopGrant(organizationId, grantId));\n',
        replace: '',
      },
      {
        id: 'void-of-a-purchase',
        bug: 'Credit that somebody paid for is voided.',
        find: "  if (grant.kind === 'purchase') return { outcome: 'is_a_purchase' };\n",
        replace: '',
      },
      {
        id: 'void-twice',
        bug: 'A grant that is voided already is voided once more.',
        find: "  if (grant.voided) return { outcome: 'already_voided' };\n",
        replace: '',
      },
      {
        id: 'void-rest-becomes-breakage',
        bug: 'What holds leave of a voided grant counts as expired credit.',
        file: 'migrations/0013-grants-in-full.sql',
        find: '    IF g.voided_at IS NOT NULL THEN\n',
        replace: '    IF g.voided_at IS NOT NULL AND g.expires_at > p_now THEN\n',
      },
    ],
  ),
];
