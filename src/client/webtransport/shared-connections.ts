/**
 * Connections that sessions with `allowPooling` share (W3C WebTransport, "obtain a WebTransport connection"): those with one
 * origin, and with the same options of the client. A session that finds no room opens another connection.
 */
import { isDeepStrictEqual } from "node:util";
import type { ConnectionPool } from "../pool.ts";

/** Sessions of a connection. More would only wait for each other's streams; servers often allow 100 in all. */
const MAX_SESSIONS = 32;

/** Milliseconds that the server has to end the last session after we have closed it. */
const CLOSE_TIMEOUT = 5_000;

/** What sessions must have in common. */
interface Basis {
  readonly origin: string;
  /** How the client connects. */
  readonly options: object;
}

/** A session's place in a connection. The connection ends with its last place. */
export interface Place {
  readonly pool: ConnectionPool;
  /** True if the connection was opened for another session. */
  readonly isShared: boolean;
  /** Call it once: with an error if the session did not end in an orderly way. */
  leave(error: Error | undefined): Promise<void>;
}

interface Shared {
  readonly basis: Basis;
  readonly pool: ConnectionPool;
  sessions: number;
}

/** A place in a connection of its own. */
export const ownPlace = (pool: ConnectionPool): Place => ({
  pool,
  isShared: false,
  leave: (error) => end(pool, error),
});

/** The server still has to hear of an orderly end. */
const end = (pool: ConnectionPool, error: Error | undefined): Promise<void> =>
  error === undefined ? pool.close({ timeout: CLOSE_TIMEOUT }) : pool.destroy(error);

export class SharedConnections {
  readonly #connections = new Set<Shared>();

  /** Finds a place, in a new connection if there is no other, or if one `isNew`. */
  take(basis: Basis, open: () => ConnectionPool, isNew: boolean): Place {
    const known = isNew ? undefined : this.#find(basis);
    const shared = known ?? { basis, pool: open(), sessions: 0 };
    this.#connections.add(shared);
    shared.sessions += 1;
    return { pool: shared.pool, isShared: known !== undefined, leave: (error) => this.#leave(shared, error) };
  }

  #find({ origin, options }: Basis): Shared | undefined {
    for (const shared of this.#connections) {
      if (shared.basis.origin !== origin || shared.sessions >= MAX_SESSIONS) continue;
      if (isDeepStrictEqual(shared.basis.options, options)) return shared;
    }
    return undefined;
  }

  async #leave(shared: Shared, error: Error | undefined): Promise<void> {
    shared.sessions -= 1;
    if (shared.sessions > 0) return;
    this.#connections.delete(shared);
    await end(shared.pool, error);
  }
}
