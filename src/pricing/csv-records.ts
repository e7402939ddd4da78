/** One line of a table; a quoted cell may hold line ends, so lines are counted, not records. */
export interface CsvRecord {
  readonly line: number;
  readonly cells: readonly string[];
}

export interface CsvRecords {
  /** Without those that are empty. */
  readonly records: readonly CsvRecord[];
  readonly problems: readonly string[];
}

/**
 * Reads comma-separated values as RFC 4180 has them, with either line end. Blanks around a cell go;
 * a spreadsheet that separates by semicolons is told so.
 */
export function readRecords(text: string): CsvRecords {
  const records: CsvRecord[] = [];
  const problems: string[] = [];
  const source = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  if (/^[^,\n]*;[^,\n]*(\n|$)/.test(source)) {
    return { records, problems: ['line 1: cells are separated by commas here, not by semicolons'] };
  }
  // A cell, then what ends it. Quoted text may hold anything, with its quotes doubled.
  const cell = /(?:[ \t]*"([^"]*(?:""[^"]*)*)"[ \t]*|([^",\n]*))(,|\n|$)/y;
  let [line, startLine, at] = [1, 1, 0];
  let cells: string[] = [];
  while (at <= source.length) {
    cell.lastIndex = at;
    const match = cell.exec(source);
    if (match === null) {
      problems.push(
        `line ${line}: a quote is not closed, or stands inside a cell that is not quoted`,
      );
      const next = source.indexOf('\n', at);
      if (next === -1) break;
      [at, line, cells] = [next + 1, line + 1, []];
      startLine = line;
      continue;
    }
    const [whole, quoted, plain = '', end] = match;
    cells.push((quoted?.replaceAll('""', '"') ?? plain).trim());
    for (const letter of quoted ?? '') if (letter === '\n') line += 1;
    at += whole.length;
    if (end === ',') continue;
    if (cells.some((text) => text !== '')) records.push({ line: startLine, cells });
    if (end === '') break;
    [line, cells] = [line + 1, []];
    startLine = line;
  }
  return { records, problems };
}
