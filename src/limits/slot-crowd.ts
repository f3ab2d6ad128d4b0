/** All who wait under one policy id, over all its keys: bounds how many there are, and no client has all the places. */

/** One who waits, linked to the other requests of its client. */
export interface Member {
  readonly client: string;
  newerOfClient: this | undefined;
  olderOfClient: this | undefined;
}

interface Client<M> {
  count: number;
  newest: M | undefined;
}

/** See the module. Every step takes constant time: a full queue must not be a way to make us work. */
export class SlotCrowd<M extends Member> {
  readonly #clients = new Map<string, Client<M>>();
  /** Clients by how many places they have. */
  readonly #byCount: (Set<Client<M>> | undefined)[] = [];
  #most = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /**
   * Whether one more request of a client may wait. Where every place is taken, one who has fewer places than another
   * gets the place of that one's newest request, which is returned and must be refused.
   */
  admit(client: string, places: number): boolean | M {
    if (this.#size < places) return true;
    const has = this.#clients.get(client)?.count ?? 0;
    if (has + 1 >= this.#most) return false;
    for (const greedy of this.#byCount[this.#most] ?? []) return greedy.newest ?? false;
    return false;
  }

  add(member: M): void {
    let client = this.#clients.get(member.client);
    if (client === undefined) {
      client = { count: 0, newest: undefined };
      this.#clients.set(member.client, client);
    }
    member.olderOfClient = client.newest;
    if (client.newest !== undefined) client.newest.newerOfClient = member;
    client.newest = member;
    this.#size++;
    this.#move(client, client.count + 1);
  }

  /** Takes out a member, which must be in. */
  remove(member: M): void {
    const client = this.#clients.get(member.client);
    if (client === undefined) return;
    const { newerOfClient: newer, olderOfClient: older } = member;
    if (newer === undefined) client.newest = older;
    else newer.olderOfClient = older;
    if (older !== undefined) older.newerOfClient = newer;
    member.newerOfClient = undefined;
    member.olderOfClient = undefined;
    this.#size--;
    this.#move(client, client.count - 1);
    if (client.count === 0) this.#clients.delete(member.client);
  }

  #move(client: Client<M>, count: number): void {
    const before = this.#byCount[client.count];
    before?.delete(client);
    if (before?.size === 0) this.#byCount[client.count] = undefined;
    client.count = count;
    if (count > 0) {
      const after = this.#byCount[count];
      if (after === undefined) this.#byCount[count] = new Set([client]);
      else after.add(client);
    }
    // A count changes by one, so the most does too.
    if (count > this.#most) this.#most = count;
    else if (this.#byCount[this.#most] === undefined) this.#most--;
    this.#byCount.length = this.#most + 1;
  }
}
