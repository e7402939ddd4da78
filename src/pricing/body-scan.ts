import { isObject, type JsonObject } from '#kernel/json';

/**
 * What a look at a request body proves about the most input tokens it can become.
 *
 * The argument: a token covers at least one byte of text, and the JSON that carries a text is at
 * least as long as the text. So the body's bytes bound its text tokens. Exceptions are named below:
 * what is not in the body, what is compressed in it, and what may be written out longer than sent.
 */
export interface BodyScan {
  /** Upper bound on tokens of what the body carries, before the context window caps it. */
  readonly tokensMax: number;
  /** Something is fetched, stored elsewhere or compressed: only the context window bounds it. */
  readonly unbounded: boolean;
  readonly caching: 'none' | '5m' | '1h';
  /** Every tool offered: those of `tools`, and those defined in the middle of the conversation. */
  readonly tools: readonly unknown[];
}

/** The largest documented image is 4,784 tokens (any larger one is scaled down); twice that. */
const IMAGE_TOKENS_MAX = 10_000;
/**
 * Prompts the API adds: the largest documented for tools is 804 tokens, 700 for a built-in tool.
 */
const ADDED_TOKENS = 1_000;
const BUILT_IN_TOOL_TOKENS = 2_000;
/** One entry of these stands for dozens of built-in tools. */
const TOOLSET_TOKENS = 40_000;
/**
 * Encrypted text the API handed out earlier (thinking, search results). Compressed four to one it
 * still has one base64 character per token of three bytes; two tokens per character are twice that.
 */
const OPAQUE_TOKENS_PER_CHARACTER = 2;
const OPAQUE_KEYS = new Set([
  'signature',
  'encrypted_content',
  'encrypted_index',
  'encrypted_stdout',
]);
/** Data of the sender inside a block; a tool's `input_schema` is counted with its tool. */
const DATA_KEYS = new Set(['input', 'input_schema', 'schema']);
/** A JSON number written out in full, e.g. "1e15" as "1000000000000000.0". */
const NUMBER_GROWTH = 24;
/** A blank behind every comma and colon, where compact JSON is written out again. */
const MEMBER_GROWTH = 2;

export function scanBody(body: JsonObject, bodyBytes: number): BodyScan {
  const scan = new Scan(bodyBytes + ADDED_TOKENS);
  scan.read(body, '');
  scan.deductImages(body.messages);
  if (Array.isArray(body.tools)) scan.tools.push(...body.tools);
  for (const tool of scan.tools) scan.readTool(tool);
  // A container brings files that this request does not carry.
  if (isPresent(body.container)) scan.unbounded = true;
  const { tokens, unbounded, caching, tools } = scan;
  return { tokensMax: tokens, unbounded, caching, tools };
}

export const isPresent = (value: unknown): boolean => value !== undefined && value !== null;

class Scan {
  tokens: number;
  unbounded = false;
  caching: BodyScan['caching'] = 'none';
  readonly tools: unknown[] = [];

  constructor(tokens: number) {
    this.tokens = tokens;
  }

  /**
   * Reads everything, wherever it stands: a field found where none belongs only raises the bound.
   */
  read(value: unknown, key: string): void {
    if (Array.isArray(value)) {
      for (const item of value) this.read(item, key);
    } else if (isObject(value)) {
      this.readObject(value, key);
    } else if (typeof value === 'string' && OPAQUE_KEYS.has(key)) {
      this.tokens += value.length * OPAQUE_TOKENS_PER_CHARACTER;
    }
  }

  private readObject(value: JsonObject, key: string): void {
    if (key === 'cache_control' || key === 'caching') this.readCacheControl(value);
    if (key === 'source' && isOutside(value)) this.unbounded = true;
    if (value.type === 'container_upload') this.unbounded = true;
    if (value.type === 'image') this.tokens += IMAGE_TOKENS_MAX;
    if (value.type === 'redacted_thinking' && typeof value.data === 'string') {
      this.tokens += value.data.length * OPAQUE_TOKENS_PER_CHARACTER;
    }
    if (value.type === 'tool_definition') this.tools.push(value.definition);
    for (const name in value) {
      // The sender's own data: the API gives its fields no meaning, the model reads it as JSON
      // text.
      if (!DATA_KEYS.has(name)) this.read(value[name], name);
      else if (name !== 'input_schema') this.tokens += rewriteGrowth(value[name]);
    }
  }

  private readCacheControl(value: JsonObject): void {
    const short = !isPresent(value.ttl) || value.ttl === '5m';
    if (!short) this.caching = '1h';
    else if (this.caching === 'none') this.caching = '5m';
  }

  /**
   * Pixels are not text: an image counts by its maximum, so its base64 need not count by length.
   */
  deductImages(content: unknown): void {
    if (!Array.isArray(content)) return;
    for (const block of content) {
      if (!isObject(block)) continue;
      // Only where the API shows an image; the same fields in tool input would be text.
      if (block.type === 'image' && isObject(block.source) && block.source.type === 'base64') {
        if (typeof block.source.data === 'string') this.tokens -= block.source.data.length;
      } else if (typeof block.role === 'string' || block.type === 'tool_result') {
        this.deductImages(block.content);
      }
    }
  }

  readTool(tool: unknown): void {
    this.tokens += rewriteGrowth(tool);
    if (!isObject(tool) || typeof tool.type !== 'string' || tool.type === 'custom') return;
    this.tokens += tool.type.includes('toolset') ? TOOLSET_TOKENS : BUILT_IN_TOOL_TOKENS;
  }
}

/** Text and blocks of text are in the body; a PDF, an address or a stored file is not. */
function isOutside(source: JsonObject): boolean {
  if (source.type === 'text' || source.type === 'content') return false;
  const { media_type: media } = source;
  return !(source.type === 'base64' && typeof media === 'string' && media.startsWith('image/'));
}

function rewriteGrowth(value: unknown): number {
  if (typeof value === 'string') return escapeGrowth(value);
  if (typeof value === 'number') return NUMBER_GROWTH;
  let growth = 0;
  if (Array.isArray(value)) {
    for (const item of value) growth += MEMBER_GROWTH + rewriteGrowth(item);
  } else if (isObject(value)) {
    for (const name in value) {
      growth += MEMBER_GROWTH + escapeGrowth(name) + rewriteGrowth(value[name]);
    }
  }
  return growth;
}

/**
 * Written as careful JSON, a character outside ASCII becomes six bytes for each of its UTF-16
 * units, and so do the three characters that some encoders keep out of HTML.
 */
function escapeGrowth(text: string): number {
  let growth = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7e || unit === 0x26 || unit === 0x3c || unit === 0x3e) growth += 6;
  }
  return growth;
}
