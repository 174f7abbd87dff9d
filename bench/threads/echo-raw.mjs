// A worker without a pool: the floor.
import { raw } from './echo.mjs';

raw();
