/**
 * A collection whose members come and go all the time. A Set would do, but its table is made anew every few changes, and
 * the old ones, once they have been moved to the old generation, keep each other and all that was in them alive until a
 * full collection: with thousands of members a second most of what a scavenge would free then survives it.
 */

/** What can be a member, of one list at a time. */
export interface Indexed {
  /** Its place; the list's own. -1 while it is in none. */
  listIndex: number;
}

/** See the module. In no order. */
export class IndexedList<Member extends Indexed> {
  readonly #members: Member[] = [];

  get size(): number {
    return this.#members.length;
  }

  add(member: Member): void {
    member.listIndex = this.#members.length;
    this.#members.push(member);
  }

  /** Whether it was in the list. */
  delete(member: Member): boolean {
    const at = member.listIndex;
    if (at < 0) return false;
    member.listIndex = -1;
    const last = this.#members.pop() as Member;
    if (last !== member) {
      this.#members[at] = last;
      last.listIndex = at;
    }
    return true;
  }

  /** All of them as they are now. */
  all(): Member[] {
    return this.#members.slice();
  }
}
