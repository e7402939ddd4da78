/** Grey lines of the size of what is coming, so that nothing moves when it arrives. */
export function Skeleton({ rows, label }: { rows: number; label: string }) {
  return (
    <div className="skeleton" role="status" aria-label={label}>
      {Array.from({ length: rows }, (_, row) => row).map((row) => (
        <div key={row} className="skeleton-row" />
      ))}
    </div>
  );
}
