// The sessions that a client can resume, in memory: at most one per server and address, used once, so that connections cannot be
// linked by their tickets (RFC 8446 §C.4). With early data, a connection counts as established before its first answer, so a race
// of addresses must only offer it where a server has answered.
import { createHash } from "node:crypto";
import type { Settings } from "../../h3/index.ts";
import type { ConnectionEvent } from "../../quic/index.ts";
import type { ClientSession } from "../../tls/index.ts";
import type { DialOptions } from "./session.ts";

export type SessionEvent = Extract<ConnectionEvent, { type: "session" }>;

export interface KeptSession {
  readonly session: ClientSession;
  /** The version of QUIC: a session cannot be resumed in another one (RFC 9369 §5). */
  readonly version: number;
  /** HTTP/3: what 0-RTT requests must obey (RFC 9114 §7.2.4.2). */
  readonly settings: Settings | undefined;
}

const MAX_SESSIONS = 256;

export class SessionStore {
  readonly #sessions = new Map<string, KeptSession>();

  /** Removes the session and returns it, if it fits the version. */
  take(server: string, version: number): KeptSession | undefined {
    const kept = this.#sessions.get(server);
    if (kept?.version !== version) return undefined;
    this.#sessions.delete(server);
    return kept;
  }

  put(server: string, kept: KeptSession): void {
    this.#sessions.delete(server);
    this.#sessions.set(server, kept);
    // A Map keeps insertion order, so the oldest comes first.
    if (this.#sessions.size > MAX_SESSIONS) this.#sessions.delete(this.#sessions.keys().next().value!);
  }
}

/** Digests of lists of authorities; a client creates its list once. */
const digests = new WeakMap<readonly string[], string>();

function digestOf(ca: readonly string[]): string {
  let digest = digests.get(ca);
  if (digest === undefined) {
    digest = createHash("sha256").update(ca.join("\0")).digest("base64");
    digests.set(ca, digest);
  }
  return digest;
}

/**
 * Identifies a server and how its certificate was verified: a session stands for that verification, so it cannot be resumed
 * under other rules.
 */
export function serverKey({ servername, port, ca, rejectUnauthorized }: DialOptions): string {
  const trusted = ca === undefined ? "default" : digestOf(ca);
  return `${servername} ${port} ${rejectUnauthorized ? trusted : "any"}`;
}
