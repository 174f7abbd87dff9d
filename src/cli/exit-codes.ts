/** Exit codes of every command. */
export const EXIT = { clean: 0, leak: 1, usage: 2, undecided: 3 } as const;
