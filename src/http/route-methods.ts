import type { FastifyInstance } from 'fastify';

/**
 * Which methods the routes of an app know for a path; none where it has no such path. Call it
 * before any route is registered.
 */
export function routeMethods(app: FastifyInstance): (path: string) => readonly string[] {
  const routes: { readonly pattern: RegExp; readonly methods: readonly string[] }[] = [];
  app.addHook('onRoute', ({ url, method }) => {
    routes.push({ pattern: patternOf(url), methods: [method].flat() });
  });
  return (path) => {
    const known = routes.filter(({ pattern }) => pattern.test(path));
    return [...new Set(known.flatMap(({ methods }) => methods))].sort();
  };
}

function patternOf(url: string): RegExp {
  const parts = url.split('/').map((part) => {
    if (part.startsWith(':')) return '[^/]+';
    return part.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '.*');
  });
  return new RegExp(`^${parts.join('/')}$`);
}
