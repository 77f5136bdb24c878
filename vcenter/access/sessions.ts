import { createHash, randomBytes } from 'node:crypto';

import type { Clock } from '../../core/clock.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { Principal } from './authorization.js';

/** User agent of a lab that sets up a vCenter. */
export const LAB_SET_UP = 'kpsim-lab-set-up';

/** A user that has logged in. Its id is a secret and is nowhere kept, only its digest is. */
export interface Session {
  /** Names the session where it is not to be used: `UserSession.key`. */
  readonly key: string;
  readonly principal: Principal;
  readonly loginTime: number;
  readonly ipAddress: string;
  readonly userAgent: string;
  readonly locale: string;
  lastActiveTime: number;
  callCount: number;
}

/** What a new session is made of. */
export type NewSession = Pick<Session, 'principal' | 'ipAddress' | 'userAgent' | 'locale'>;

const ID_BYTES = 20;

/** Sessions of a vCenter: random ids of 160 bits, an idle timeout, a bounded number. */
export class Sessions {
  readonly #clock: Clock;
  readonly #idleMs: number;
  readonly #limit: number;
  readonly #byDigest = new Map<string, Session>();

  constructor(clock: Clock, idleSeconds: number, limit: number) {
    this.#clock = clock;
    this.#idleMs = idleSeconds * 1000;
    this.#limit = limit;
  }

  /** Opens a session; the id is told once. @throws VimFault `ResourceInUse` when there are too many */
  open(made: NewSession, key: string): { readonly id: string; readonly session: Session } {
    this.#dropIdle();
    if (this.#byDigest.size >= this.#limit) {
      throw new VimFault('ResourceInUse', 'Too many sessions: log out of some, or wait until idle ones end.');
    }
    const id = randomBytes(ID_BYTES).toString('hex');
    const now = this.#clock.now();
    const session: Session = { ...made, key, loginTime: now, lastActiveTime: now, callCount: 0 };
    this.#byDigest.set(digest(id), session);
    return { id, session };
  }

  /** The session of that id, marked as used now; undefined if it ended or never was. */
  use(id: string): Session | undefined {
    const session = this.peek(id);
    if (!session) return undefined;
    session.lastActiveTime = this.#clock.now();
    session.callCount += 1;
    return session;
  }

  /** The session of that id, without marking it as used. */
  peek(id: string): Session | undefined {
    const key = digest(id);
    const session = this.#byDigest.get(key);
    if (!session || !this.#isIdle(session)) return session;
    this.#byDigest.delete(key); // a clock that is moved back does not revive it
    return undefined;
  }

  /** Ends a session by its key; false if there is none. */
  end(key: string): boolean {
    for (const [id, session] of this.#byDigest) {
      if (session.key === key) return this.#byDigest.delete(id);
    }
    return false;
  }

  /** The session of that key; undefined if it ended or never was. */
  byKey(key: string): Session | undefined {
    return this.list().find((session) => session.key === key);
  }

  list(): readonly Session[] {
    this.#dropIdle();
    return [...this.#byDigest.values()];
  }

  #dropIdle(): void {
    for (const [id, session] of this.#byDigest) {
      if (this.#isIdle(session)) this.#byDigest.delete(id);
    }
  }

  #isIdle(session: Session): boolean {
    return this.#clock.now() - session.lastActiveTime > this.#idleMs;
  }
}

/** Looking up a digest takes no time that would tell how much of an id was guessed. */
function digest(id: string): string {
  return createHash('sha256').update(id).digest('base64');
}
