import { benchGateway } from './gateway.ts';
import { benchLedger } from './ledger.ts';
import { benchPurchase } from './purchase.ts';
import { benchRating } from './rating.ts';
import { benchReload } from './reload.ts';
import { benchVerify } from './verify.ts';

/**
 * npm run bench [-- ledger | verify | gateway | rating | purchase | reload] [--quick] [--portkey]
 * `--portkey` lets the gateway's bench install that gateway for its run, to measure it as well.
 * Figures are ratios within one run on one machine; absolute numbers move from machine to machine.
 */
const BENCHES: Readonly<Record<string, (quick: boolean, portkey: boolean) => Promise<void>>> = {
  ledger: benchLedger,
  verify: benchVerify,
  gateway: benchGateway,
  rating: benchRating,
  purchase: benchPurchase,
  reload: benchReload,
};

const asked = process.argv.slice(2);
const quick = asked.includes('--quick');
const names = asked.filter((word) => !word.startsWith('--'));
for (const name of names.length === 0 ? Object.keys(BENCHES) : names) {
  const bench = BENCHES[name];
  if (bench === undefined) {
    console.error(`no bench named ${name}; there are: ${Object.keys(BENCHES).join(', ')}`);
    process.exit(2);
  }
  await bench(quick, asked.includes('--portkey'));
}
