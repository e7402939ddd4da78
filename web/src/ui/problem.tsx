import { Refusal } from '../api/client.ts';
import { Notice } from './notice.tsx';

/** Refusals carry their own words; anything else is a fault whose text means nothing to a reader. */
export function explain(error: unknown): { message: string; nextStep: string | undefined } {
  if (error instanceof Refusal) {
    const later = error.status >= 500 ? 'Try again in a moment.' : undefined;
    return { message: error.message, nextStep: error.nextStep ?? later };
  }
  return { message: 'Something went wrong on this page.', nextStep: 'Reload it and try again.' };
}

/** Shown in place of what could not be loaded or done. */
export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  const { message, nextStep } = explain(error);
  return (
    <Notice tone="bad" title={message}>
      {nextStep !== undefined && <p>{nextStep}</p>}
      {retry !== undefined && (
        <button type="button" className="button" onClick={retry}>
          Try again
        </button>
      )}
    </Notice>
  );
}
