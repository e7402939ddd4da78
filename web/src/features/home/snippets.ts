export type Language = 'curl' | 'typescript' | 'python';

export const LANGUAGES: readonly { readonly id: Language; readonly name: string }[] = [
  { id: 'curl', name: 'curl' },
  { id: 'typescript', name: 'TypeScript' },
  { id: 'python', name: 'Python' },
];

const MODEL = 'claude-opus-5-5';

/** A first request against the gateway, complete enough to paste once the key is exported. */
export function snippet(language: Language, gatewayUrl: string): string {
  switch (language) {
    case 'curl':
      return `curl ${gatewayUrl}/v1/messages \\
  -H "x-api-key: $BURSAR_API_KEY" \\
  -H "anthropic-version: 2023-06-01" \\
  -H "content-type: application/json" \\
  -d '{"model": "${MODEL}", "max_tokens": 256,
       "messages": [{"role": "user", "content": "Hello"}]}'`;
    case 'typescript':
      return `import Anthropic from '@anthropic-ai/sdk';

const client = new Anthropic({
  baseURL: '${gatewayUrl}',
  apiKey: process.env.BURSAR_API_KEY,
});

const message = await client.messages.create({
  model: '${MODEL}',
  max_tokens: 256,
  messages: [{ role: 'user', content: 'Hello' }],
});`;
    case 'python':
      return `import os
from anthropic import Anthropic

client = Anthropic(
    base_url="${gatewayUrl}",
    api_key=os.environ["BURSAR_API_KEY"],
)

message = client.messages.create(
    model="${MODEL}",
    max_tokens=256,
    messages=[{"role": "user", "content": "Hello"}],
)`;
  }
}
