/** What one replica admits of a limit that it cannot share, since Redis does not work. */

/** `limit / replicas`, rounded down, but one at least where the limit admits any. */
export function shareOf(limit: number, replicas = 1): number {
  return Math.max(Math.min(1, limit), Math.floor(limit / replicas));
}
