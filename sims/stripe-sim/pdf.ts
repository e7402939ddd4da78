/** One line of a document; `right` ends at the right margin, on the same height. */
export interface PdfLine {
  text?: string;
  right?: string;
  size?: number;
  bold?: boolean;
  /** A thin rule above the line. */
  rule?: boolean;
}

const WIDTH = 595;
const HEIGHT = 842;
const MARGIN = 56;
const LEADING = 1.5;

/** A real PDF, as small as can be: text in a font every reader has, on as many pages as needed. */
export function pdf(lines: readonly PdfLine[]): Buffer {
  const pages = paginated(lines);
  const first = 5;
  const kids = pages.map((_, at) => `${first + at * 2} 0 R`).join(' ');
  const font = (name: string) =>
    `<< /Type /Font /Subtype /Type1 /BaseFont /${name} /Encoding /WinAnsiEncoding >>`;
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Kids [${kids}] /Count ${pages.length} >>`,
    font('Helvetica'),
    font('Helvetica-Bold'),
    ...pages.flatMap((content, at) => [
      `<< /Type /Page /Parent 2 0 R /MediaBox [0 0 ${WIDTH} ${HEIGHT}] /Contents ` +
        `${first + at * 2 + 1} 0 R /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> >>`,
      `<< /Length ${content.length} >>\nstream\n${content}\nendstream`,
    ]),
  ];
  return assembled(objects);
}

/** Objects with the table that says at which byte each begins. */
function assembled(objects: string[]): Buffer {
  let text = '%PDF-1.4\n';
  const offsets: number[] = [];
  for (const [at, body] of objects.entries()) {
    offsets.push(text.length);
    text += `${at + 1} 0 obj\n${body}\nendobj\n`;
  }
  const table = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('');
  const size = objects.length + 1;
  const trailer = `trailer\n<< /Size ${size} /Root 1 0 R >>\nstartxref\n${text.length}\n%%EOF\n`;
  // Every character is one byte in this encoding, so lengths of text are lengths of bytes.
  return Buffer.from(`${text}xref\n0 ${size}\n0000000000 65535 f \n${table}${trailer}`, 'latin1');
}

function paginated(lines: readonly PdfLine[]): string[] {
  const pages: string[] = [];
  let content = '';
  let y = HEIGHT - MARGIN;
  for (const line of lines) {
    const size = line.size ?? 10;
    y -= size * LEADING;
    if (y < MARGIN) {
      pages.push(content);
      content = '';
      y = HEIGHT - MARGIN - size * LEADING;
    }
    content += drawn(line, size, y);
  }
  return [...pages, content];
}

function drawn(line: PdfLine, size: number, y: number): string {
  const font = line.bold === true ? 'F2' : 'F1';
  const at = (x: number, text: string) =>
    `BT /${font} ${size} Tf ${x.toFixed(1)} ${y.toFixed(1)} Td (${quoted(text)}) Tj ET\n`;
  const above = (y + size * 1.2).toFixed(1);
  const rule =
    line.rule === true ? `0.5 w ${MARGIN} ${above} m ${WIDTH - MARGIN} ${above} l S\n` : '';
  const left = line.text === undefined ? '' : at(MARGIN, line.text);
  if (line.right === undefined) return rule + left;
  const width = line.right.length * size * 0.55;
  return rule + left + at(WIDTH - MARGIN - width, line.right);
}

/** Within parentheses, and within the one byte per character the font knows. */
function quoted(text: string): string {
  return text.replaceAll(/[^\x20-\x7e\xa0-\xff]/g, '?').replaceAll(/([\\()])/g, '\\$1');
}
