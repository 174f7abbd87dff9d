// workerpool takes functions that the worker registers.
import { createRequire } from 'node:module';
import echo, { slow } from './echo.mjs';

createRequire(new URL('../lifecycle/package.json', import.meta.url))('workerpool').worker({ echo, slow });
