export type { Leak, LeakKind, PathStep, SourcePosition, Verdict } from './leak.js';
