/** How often each kind of thing met each kind of command. */
export class Tally {
  readonly #counts = new Map<string, Map<string, number>>();

  add(what: string, command: string, by = 1): void {
    const row = this.#counts.get(what) ?? new Map<string, number>();
    row.set(command, (row.get(command) ?? 0) + by);
    this.#counts.set(what, row);
  }

  include(other: Tally): void {
    for (const [fault, row] of other.#counts) {
      for (const [command, count] of row) this.add(fault, command, count);
    }
  }

  get total(): number {
    let total = 0;
    for (const row of this.#counts.values()) for (const count of row.values()) total += count;
    return total;
  }

  /** A table of plain text: a row per thing, a column per command. */
  table(name: string): string[] {
    const commands = [...new Set([...this.#counts.values()].flatMap((row) => [...row.keys()]))];
    commands.sort();
    const width = Math.max(...[...this.#counts.keys()].map((fault) => fault.length), 5);
    const cells = commands.map((command) => Math.max(command.length, 6));
    const line = (first: string, rest: readonly string[]): string =>
      [first.padEnd(width), ...rest.map((cell, i) => cell.padStart(cells[i] ?? 6))].join('  ');
    const rows = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return [
      line(name, commands),
      ...rows.map(([fault, row]) =>
        line(
          fault,
          commands.map((command) => String(row.get(command) ?? 0)),
        ),
      ),
    ];
  }
}
