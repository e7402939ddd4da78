import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Browser, type ConsoleWorld, consoleWorld } from '#test/console';
import { billingResponse, errorBody, purchase, purchaseList } from '../contract.ts';
import { starterResponse } from './contract.ts';

let world: ConsoleWorld;
let ada: Browser;
let organizationId: string;

beforeAll(async () => {
  world = await consoleWorld();
  const of = await world.organization('Acme');
  organizationId = of;
  ada = await world.person('ada@example.com', { of, role: 'billing' });
});
afterAll(() => world?.close());

const rows = <T extends object>(text: string) =>
  world.payments.db.ownerPool.query<T>({ text, values: [organizationId] });

describe('starter credit', () => {
  test('is not spoken of where the operator gives none, and asking for it changes nothing', async () => {
    const { body } = await ada.get('/api/billing/starter-credit');
    expect(starterResponse.parse(body)).toEqual({ offer: null });
    const asked = await ada.post('/api/billing/starter-credit');
    expect([asked.status, asked.body]).toEqual([200, { offer: null }]);
    const { grants } = billingResponse.parse((await ada.get('/api/billing')).body);
    expect(grants).toEqual([]);
  });
});

describe('the card of a purchase', () => {
  const buy = (nonce: string, version?: string) =>
    ada.post('/api/purchases', {
      ...{ amount_usd: '25', nonce },
      ...(version === undefined ? {} : { card_consent_version: version }),
    });
  const consents = () =>
    rows<{ purchase: string; by: string; ip: string; version: string; at: Date }>(
      `SELECT purchase_id AS purchase, consented_by AS by, consented_ip AS ip,
         consent_version AS version, consented_at AS at
       FROM payments.card_setups WHERE organization_id = $1`,
    );
  const audited = () =>
    rows<{ subject: string }>(
      `SELECT subject FROM identity.audit_events
       WHERE organization_id = $1 AND action = 'card.consent'`,
    );

  test('an agreement to other words is refused before anything is stored', async () => {
    const refused = await buy('old-words', '2020-01-01');
    expect(refused.status).toBe(409);
    expect(errorBody.parse(refused.body).error.code).toBe('consent_outdated');
    const { data } = purchaseList.parse((await ada.get('/api/purchases')).body);
    expect(data).toEqual([]);
    expect(await consents()).toEqual([]);
  });

  test('an agreement is kept: who, when, from where, and to which words', async () => {
    const { card_consent: words } = billingResponse.parse((await ada.get('/api/billing')).body);
    expect(words?.text).toContain('Save the card I pay with.');
    const plain = purchase.parse((await buy('no-words')).body);
    expect(await consents()).toEqual([]);
    const kept = purchase.parse((await buy('these-words', words?.version)).body);
    expect(kept.id).not.toBe(plain.id);
    const [proof, ...more] = await consents();
    expect(more).toEqual([]);
    expect(proof).toMatchObject({
      ...{ purchase: kept.id, ip: '127.0.0.1', version: words?.version },
      by: expect.stringMatching(/^user_/),
      at: expect.any(Date),
    });
    expect(await audited()).toEqual([{ subject: kept.id }]);
  });

  test('the same form with another answer about the card is another purchase', async () => {
    const refused = await buy('these-words');
    expect(errorBody.parse(refused.body).error.code).toBe('nonce_reused');
  });
});
