import { useState } from 'react';
import { Copyable } from '../../ui/copy.tsx';
import { LANGUAGES, type Language, snippet } from './snippets.ts';

/** A port people find printed where the server was started; the server may also tell it. */
const UNTOLD_GATEWAY = '$GATEWAY_URL';

export function FirstRequest({ gatewayUrl }: { gatewayUrl: string | undefined }) {
  const [language, setLanguage] = useState<Language>('curl');
  return (
    <div className="first-request">
      <fieldset className="segments">
        <legend className="visually-hidden">Language of the example</legend>
        {LANGUAGES.map(({ id, name }) => (
          <label key={id}>
            <input
              type="radio"
              name="language"
              checked={language === id}
              onChange={() => setLanguage(id)}
            />
            <span>{name}</span>
          </label>
        ))}
      </fieldset>
      <Copyable
        key={language}
        block
        label="Example request"
        text={snippet(language, gatewayUrl ?? UNTOLD_GATEWAY)}
      />
      {gatewayUrl === undefined && (
        <p className="hint">
          <code>{UNTOLD_GATEWAY}</code> is the gateway’s address, printed where the server starts.
        </p>
      )}
    </div>
  );
}
