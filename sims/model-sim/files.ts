import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { sendError, sendJson } from './reply.ts';

interface SimFile {
  readonly metadata: {
    readonly id: string;
    readonly type: 'file';
    readonly filename: string;
    readonly mime_type: string;
    readonly size_bytes: number;
    readonly created_at: string;
    readonly downloadable: boolean;
    readonly expires_at: string | null;
  };
  readonly content: Buffer;
}

/** Largest upload kept here: enough for tests of large ones, small enough for memory. */
export const uploadBytesMax = 64 * 1024 * 1024;
const notFound = 'The requested resource could not be found.';

/**
 * A Files API in memory. Ids follow from content and order, so that equal uploads in equal order
 * give equal answers. Unlike the API it stands for, it lets every file be downloaded.
 */
export class Files {
  readonly #files = new Map<string, SimFile>();
  #made = 0;

  /** Answers a call to `/v1/files…`. */
  answer(req: IncomingMessage, res: ServerResponse, body: Buffer, requestId: string): void {
    const said = this.#said(req, body);
    if (said === 'not_found') sendError(res, 'not_found_error', notFound, requestId);
    else if (said === 'no_file') {
      sendError(res, 'invalid_request_error', 'file: Field required', requestId);
    } else if ('content' in said) {
      res.writeHead(200, {
        'content-type': said.metadata.mime_type,
        'content-length': said.content.length,
        'request-id': requestId,
      });
      res.end(said.content);
    } else sendJson(res, 200, JSON.stringify(said), requestId);
  }

  /** A file that a tool has made. */
  make(id: string, filename: string, content: Buffer): void {
    this.#keep({ id, filename, mime_type: 'text/plain', expires_at: null }, content);
  }

  #keep(
    of: Pick<SimFile['metadata'], 'id' | 'filename' | 'mime_type' | 'expires_at'>,
    content: Buffer,
  ): SimFile['metadata'] {
    const metadata = {
      ...of,
      type: 'file',
      size_bytes: content.length,
      created_at: new Date(Date.UTC(2026, 0, 1, 0, 0, this.#made)).toISOString(),
      downloadable: true,
    } as const;
    this.#files.set(of.id, { metadata, content });
    return metadata;
  }

  #said(req: IncomingMessage, body: Buffer): SimFile | object | 'not_found' | 'no_file' {
    const { pathname, searchParams } = new URL(req.url ?? '/', 'http://model-sim');
    const [id, content, ...more] = pathname.split('/').slice(3);
    const method = req.method ?? 'GET';
    if (id === undefined && method === 'POST') return this.#upload(req, body);
    if (id === undefined && method === 'GET') return this.#list(searchParams);
    const file = this.#files.get(id ?? '');
    if (file === undefined || more.length > 0) return 'not_found';
    if (content !== undefined)
      return method === 'GET' && content === 'content' ? file : 'not_found';
    if (method === 'GET') return file.metadata;
    this.#files.delete(file.metadata.id);
    return { id: file.metadata.id, type: 'file_deleted' };
  }

  #upload(req: IncomingMessage, body: Buffer): SimFile['metadata'] | 'no_file' {
    const parts = partsOf(req.headers['content-type'] ?? '', body);
    const file = parts.find(({ name }) => name === 'file');
    if (file === undefined) return 'no_file';
    this.#made += 1;
    const seconds = parts.find(({ name }) => name === 'expires_in_seconds')?.content.toString();
    const digest = hash('sha256', file.content, 'hex').slice(0, 16);
    return this.#keep(
      {
        id: `file_sim${String(this.#made).padStart(6, '0')}${digest}`,
        filename: file.filename ?? 'unnamed',
        mime_type: file.type ?? 'application/octet-stream',
        expires_at: seconds === undefined ? null : expiry(Number.parseInt(seconds, 10)),
      },
      file.content,
    );
  }

  #list(query: URLSearchParams): object {
    const wanted = query.getAll('ids[]');
    const limit = Number.parseInt(query.get('limit') ?? '20', 10);
    const data = [...this.#files.values()]
      .map(({ metadata }) => metadata)
      .filter(({ id }) => wanted.length === 0 || wanted.includes(id))
      .reverse()
      .slice(0, limit);
    return { data, next_page: null };
  }
}

/** Expiry is the one thing that follows the real clock: whoever is told of it compares with that. */
const expiry = (seconds: number): string => new Date(Date.now() + seconds * 1_000).toISOString();

interface Part {
  readonly name: string | undefined;
  readonly filename: string | undefined;
  readonly type: string | undefined;
  readonly content: Buffer;
}

/** The parts of a multipart body, as far as honest clients write them. */
function partsOf(contentType: string, body: Buffer): Part[] {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1];
  if (boundary === undefined) return [];
  const mark = Buffer.from(`--${boundary}`);
  const parts: Part[] = [];
  let at = body.indexOf(mark);
  while (at !== -1) {
    const next = body.indexOf(mark, at + mark.length);
    const headEnd = body.indexOf('\r\n\r\n', at);
    if (next === -1 || headEnd === -1 || headEnd > next) break;
    const head = body.toString('utf8', at + mark.length, headEnd);
    parts.push({
      name: /[; ]name="([^"]*)"/i.exec(head)?.[1],
      filename: /filename="([^"]*)"/i.exec(head)?.[1],
      type: /content-type: *([^\r\n]+)/i.exec(head)?.[1],
      content: body.subarray(headEnd + 4, next - 2),
    });
    at = next;
  }
  return parts;
}
