/**
 * Whose turn it is in each object group: the default member is handed out in turns, oldest first (own choice, as KMIP
 * 1.4 §4.9 leaves it to the server). Kept in memory; after a restart the turns begin again.
 */
export class ObjectGroups {
  readonly #lastTurn = new Map<string, string>();

  /**
   * The members in the order of their turns, the next one first, and that one's turn taken.
   *
   * @param members Unique Identifiers, oldest first
   */
  takeTurn(owner: string, group: string, members: readonly string[]): readonly string[] {
    const key = JSON.stringify([owner, group]);
    const last = this.#lastTurn.get(key);
    const next = last === undefined ? 0 : members.indexOf(last) + 1;
    const turns = [...members.slice(next), ...members.slice(0, next)];
    const [first] = turns;
    if (first === undefined) this.#lastTurn.delete(key);
    else this.#lastTurn.set(key, first);
    this.#forgetOldest();
    return turns;
  }

  /** Groups are named by clients, so their number is bounded. */
  #forgetOldest(): void {
    if (this.#lastTurn.size <= GROUP_LIMIT) return;
    const [oldest] = this.#lastTurn.keys();
    if (oldest !== undefined) this.#lastTurn.delete(oldest);
  }
}

/** Groups whose turns are remembered. */
const GROUP_LIMIT = 10_000;
