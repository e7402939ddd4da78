import type { Scenario } from './scenario.ts';

type JsonObject = Readonly<Record<string, unknown>>;

/** The model that answers in `fallback` unless `model` says another, and that of `advisor`. */
const fallbackModel = 'claude-sonnet-5';
const advisorModel = 'claude-opus-5';
// Work beside the answer itself: small, fixed and easy to recognize in a receipt.
const besides = { input_tokens: 50, output_tokens: 10 };

/** The model named in the answer: after a fallback, not the one that was asked. */
export function answeringModel(asked: string, scenario: Scenario): string {
  const other = scenario.name.startsWith('fallback') ? fallbackModel : asked;
  return scenario.texts.get('model') ?? other;
}

/** Adds `iterations` where a scenario has several; the top level stays that of the answer. */
export function withIterations(usage: JsonObject, asked: string, scenario: Scenario): JsonObject {
  const answer = iteration('message', asked, usage);
  switch (scenario.name) {
    case 'compaction':
      return { ...usage, iterations: [iteration('compaction', asked, besides), answer] };
    case 'advisor':
      return {
        ...usage,
        iterations: [iteration('advisor_message', advisorModel, besides), answer],
      };
    case 'fallback': {
      const declined = iteration('message', asked, { ...usage, output_tokens: 0 });
      const served = iteration('fallback_message', answeringModel(asked, scenario), usage);
      return { ...usage, iterations: [declined, served] };
    }
    case 'fallback_declined': {
      const none = { ...usage, output_tokens: 0 };
      const tried = iteration('fallback_message', answeringModel(asked, scenario), none);
      return { ...none, iterations: [iteration('message', asked, none), tried] };
    }
    case 'fallback_sticky': {
      // The conversation stays with the fallback: the model asked for is not tried again.
      const served = iteration('fallback_message', answeringModel(asked, scenario), usage);
      return { ...usage, iterations: [served] };
    }
    case 'unknown_iteration': {
      const model = scenario.texts.get('iteration_model') ?? asked;
      return { ...usage, iterations: [iteration('deliberation', model, besides), answer] };
    }
    default:
      return usage;
  }
}

function iteration(type: string, model: string, usage: JsonObject): JsonObject {
  return {
    type,
    model,
    input_tokens: usage.input_tokens,
    output_tokens: usage.output_tokens,
    cache_creation_input_tokens: usage.cache_creation_input_tokens ?? 0,
    cache_read_input_tokens: usage.cache_read_input_tokens ?? 0,
    cache_creation: usage.cache_creation ?? null,
  };
}
