import { scenarios } from './scenarios.ts';
import { rehearsed } from './settings.ts';

scenarios(rehearsed);
