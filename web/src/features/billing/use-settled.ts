import { useEffect, useState } from 'react';

/** Typing asks the server once it pauses, not with every key. */
const PAUSE_MS = 300;

/** The value once it has not changed for a moment; the first one at once. */
export function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(value), PAUSE_MS);
    return () => window.clearTimeout(timer);
  }, [value]);
  return settled;
}
