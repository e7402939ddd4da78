import type { Api, ConsoleDeps } from '../deps.ts';
import { organizationRoutesOfOperator } from './organization-routes.ts';
import { overviewRoutes } from './overview-routes.ts';
import { remedyRoutes } from './remedy-routes.ts';

/** The operator's page: every route of it is guarded by `guard.ts`. */
export function operatorRoutes(app: Api, deps: ConsoleDeps): void {
  overviewRoutes(app, deps);
  organizationRoutesOfOperator(app, deps);
  remedyRoutes(app, deps);
}
