#!/usr/bin/env node
import { onSuitableNode } from './node-version.mjs';

if (onSuitableNode(import.meta.url)) await import('../src/main.ts');
