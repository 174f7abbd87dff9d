// The two modules of effect that a scoped resource takes, not its whole index.
export * as Effect from 'effect4/Effect';
export * as Scope from 'effect4/Scope';
