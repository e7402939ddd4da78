/** Models the simulator lists. It answers for more: what has a price is not its business. */
const listed = [
  ['claude-fable-5-1', 'Claude Fable 5.1', 'fable', '2026-09-01', 1_000_000, 128_000],
  ['claude-opus-5-5', 'Claude Opus 5.5', 'opus', '2026-09-22', 1_000_000, 128_000],
  ['claude-opus-5', 'Claude Opus 5', 'opus', '2026-07-24', 1_000_000, 128_000],
  ['claude-sonnet-5-5', 'Claude Sonnet 5.5', 'sonnet', '2026-09-28', 1_000_000, 128_000],
  ['claude-sonnet-5', 'Claude Sonnet 5', 'sonnet', '2026-06-30', 1_000_000, 128_000],
  ['claude-haiku-5-5', 'Claude Haiku 5.5', 'haiku', '2026-10-07', 1_000_000, 128_000],
  ['claude-haiku-4-5-20251001', 'Claude Haiku 4.5', 'haiku', '2025-10-15', 200_000, 64_000],
] as const;

const models = listed.map(([id, displayName, line, released, maxInput, maxOutput]) => ({
  id,
  type: 'model',
  display_name: displayName,
  created_at: `${released}T00:00:00Z`,
  lifecycle: 'active',
  deprecated_at: null,
  retires_at: null,
  line,
  max_input_tokens: maxInput,
  max_tokens: maxOutput,
  capabilities: null,
}));

/** The list answer of `GET /v1/models`, all on one page. */
export const modelPage = JSON.stringify({
  data: models,
  has_more: false,
  first_id: models[0]?.id ?? null,
  last_id: models.at(-1)?.id ?? null,
});

/** The answer of `GET /v1/models/{id}`, or null for a model that is not listed. */
export function modelById(id: string): string | null {
  const model = models.find((candidate) => candidate.id === id);
  return model === undefined ? null : JSON.stringify(model);
}

/** Whether an id could be a model's: of this family, whatever its version, or `vendor/name`. */
export const isModel = (id: string): boolean => /^(claude-|[a-z0-9-]+\/)[a-z0-9.-]+$/.test(id);
