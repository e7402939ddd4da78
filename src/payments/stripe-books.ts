import type { ProcessorBooks } from '#payments/books';
import { API_VERSION, connect, read, type StripeOptions } from '#payments/stripe';
import { toChargeFacts, toEndpoint, toMovement, unread } from '#payments/stripe-books-read';

/** Nobody waits for the books to be read. */
const BOOKS = { timeout: 30_000, maxNetworkRetries: 2 };

/** The books of the account, for the reconciliation. */
export function stripeBooks(options: StripeOptions): ProcessorBooks {
  const stripe = connect(options);
  return {
    apiVersion: API_VERSION,

    async listMovements({ from, to, after }, limit) {
      const created = {
        gte: Math.floor(from.getTime() / 1000),
        ...(to === undefined ? {} : { lt: Math.floor(to.getTime() / 1000) }),
      };
      const answer = await read('list balance transactions', async () => {
        const page = await stripe.balanceTransactions.list(
          {
            created,
            limit,
            expand: ['data.source'],
            ...(after === undefined ? {} : { starting_after: after }),
          },
          BOOKS,
        );
        const movements = [];
        for (const row of page.data) {
          const dispute = unread(row);
          movements.push(
            toMovement(
              row,
              dispute === undefined
                ? undefined
                : await stripe.disputes.retrieve(dispute, {}, BOOKS),
            ),
          );
        }
        return { movements, more: page.has_more };
      });
      if (answer.outcome === 'found') return { ...answer, outcome: 'listed' };
      if (answer.outcome === 'missing') {
        return { outcome: 'unavailable', detail: 'a page of the books vanished' };
      }
      return answer;
    },

    readCharge: (paymentIntentId) =>
      read('read charge', async () => ({
        charge: toChargeFacts(
          await stripe.paymentIntents.retrieve(
            paymentIntentId,
            { expand: ['latest_charge'] },
            BOOKS,
          ),
        ),
      })),

    async listEndpoints() {
      const answer = await read('list webhook endpoints', async () => ({
        list: await stripe.webhookEndpoints.list({ limit: 100 }, BOOKS),
      }));
      if (answer.outcome === 'unavailable') return answer;
      const rows = answer.outcome === 'found' ? answer.list.data : [];
      return { outcome: 'listed', endpoints: rows.map(toEndpoint) };
    },
  };
}
