import { expect, test } from 'vitest';
import { parseUpstreams } from '#src/start/upstreams-file';
import { watchUpstreams } from '#src/start/upstreams-watch';

const LIST = 'upstreams: [{name: a, url: "https://a.example", key_file: a.key}]';

function watched() {
  const files: Record<string, string> = { 'up.yaml': LIST, 'a.key': 'first-key' };
  const read = (path: string) => files[path];
  const parsed = parseUpstreams('up.yaml', read);
  const logged: { level: string; text: string }[] = [];
  const at = (level: string) => (fields: Record<string, unknown>, message: string) => {
    logged.push({ level, text: `${message} ${JSON.stringify(fields)}` });
  };
  let look = (): void => {};
  let stopped = false;
  const fleet = watchUpstreams({
    path: 'up.yaml',
    entries: parsed.outcome === 'valid' ? parsed.entries : [],
    read,
    every(again) {
      look = again;
      return () => {
        stopped = true;
      };
    },
    log: { info: at('info'), warn: at('warn'), error: at('error') },
  });
  const keys: string[] = [];
  fleet.onChange((specs) => keys.push(specs.map(({ key }) => key).join()));
  return { files, fleet, keys, logged, look: () => look(), stopped: () => stopped };
}

test('a new key in its file is told once, without the key in the log', () => {
  const { files, fleet, keys, logged, look } = watched();
  look();
  files['a.key'] = 'second-key\n';
  look();
  look();
  expect(keys).toEqual(['second-key']);
  expect(fleet.specs()[0]?.key).toBe('second-key');
  expect(logged.map(({ level }) => level)).toEqual(['info']);
  expect(logged[0]?.text).toContain('a: key');
  expect(JSON.stringify(logged)).not.toMatch(/first-key|second-key/);
});

test('a broken file leaves the list as it was and is logged once, naming the problem', () => {
  const { files, fleet, keys, logged, look } = watched();
  files['up.yaml'] = LIST.replace('https', 'gopher');
  look();
  look();
  expect(keys).toEqual([]);
  expect(fleet.specs()[0]?.url).toBe('https://a.example');
  expect(logged).toHaveLength(1);
  expect(logged[0]).toMatchObject({ level: 'error' });
  expect(logged[0]?.text).toContain('line 1, upstreams[0].url');
  files['up.yaml'] = LIST;
  files['a.key'] = 'third-key';
  look();
  expect(keys).toEqual(['third-key']);
});

test('a key file that is gone or empty for a moment changes nothing', () => {
  const { files, fleet, logged, look } = watched();
  delete files['a.key'];
  look();
  files['a.key'] = '';
  look();
  expect(fleet.specs()[0]?.key).toBe('first-key');
  expect(logged.map(({ level }) => level)).toEqual(['error', 'error']);
});

test('upstreams come, go and change places', () => {
  const { files, fleet, logged, look } = watched();
  const b = '{name: b, url: "https://b.example", key: k}';
  files['up.yaml'] = LIST.replace('[', `[${b}, `);
  look();
  files['up.yaml'] = LIST.replace('}]', `}, ${b}]`);
  look();
  files['up.yaml'] = `upstreams: [${b.replace('}', ', weight: 2}')}]`;
  look();
  expect(fleet.specs().map(({ name, weight }) => [name, weight])).toEqual([['b', 2]]);
  const changes = logged.map(({ text }) => /"changes":(\[.*\])/.exec(text)?.[1]);
  expect(changes).toEqual(['["b: added"]', '["order"]', '["b: settings","a: removed"]']);
});

test('it stops looking', () => {
  const { fleet, stopped } = watched();
  fleet.close();
  expect(stopped()).toBe(true);
});
