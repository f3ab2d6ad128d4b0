/** Thrown for a command line that is wrong: exit code 2 and the usage. */
export class UsageError extends Error {}
