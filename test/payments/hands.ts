/** A card as a person types it, and what they do if its bank asks them. */
export interface TypedCard {
  readonly number: string;
  readonly bank?: 'confirm' | 'refuse' | 'leave';
}

/** How a hosted page looks after its button was pressed. */
export type PageOutcome = 'complete' | 'declined' | 'verifying';

/** Whoever acts on the processor's hosted pages. */
export interface Hands {
  enter(pageUrl: string, card: TypedCard): Promise<PageOutcome>;
  close(): Promise<void>;
}

const TOLD: Readonly<Record<string, PageOutcome>> = {
  complete: 'complete',
  declined: 'declined',
  requires_action: 'verifying',
};

const THREE_DS = { confirm: 'pass', refuse: 'fail', leave: 'abandon' } as const;

/** Pages of the simulator, filled in through its control. */
export const simulatedHands = (simulatorUrl: string): Hands => ({
  async enter(pageUrl, { number, bank = 'confirm' }) {
    const session = new URL(pageUrl).pathname.split('/').at(-1);
    const answer = await fetch(`${simulatorUrl}/_sim/pay/${session}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ number, three_ds: THREE_DS[bank] }),
    });
    const told: unknown = await answer.json();
    const status: unknown = Reflect.get(Object(told), 'status');
    const outcome = typeof status === 'string' ? TOLD[status] : undefined;
    if (outcome === undefined) throw new Error(`simulator: ${JSON.stringify(told)}`);
    return outcome;
  },
  async close() {},
});
