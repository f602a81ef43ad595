// Address validation tokens of servers, in memory: with one, the next connection needs no Retry and is not limited to three
// times what the client has sent (RFC 9000 §8.1.3). Each is used once, so that connections cannot be linked by it.
import type { ConnectionEvent } from "../../quic/index.ts";

type TokenEvent = Extract<ConnectionEvent, { type: "new-token" }>;

const MAX_SERVERS = 256;
/** Enough for the connections that a client has with one server at a time. */
const MAX_TOKENS = 4;

export class TokenStore {
  /** Each server's tokens, the newest last. */
  readonly #servers = new Map<string, TokenEvent[]>();

  /** Removes the newest token for this version of QUIC and returns it. */
  take(server: string, version: number): Uint8Array | undefined {
    const kept = this.#servers.get(server) ?? [];
    // RFC 9369 §5: a token is not used with another version.
    const index = kept.findLastIndex((each) => each.version === version);
    if (index === -1) return undefined;
    const [taken] = kept.splice(index, 1);
    if (kept.length === 0) this.#servers.delete(server);
    return taken!.token;
  }

  put(server: string, event: TokenEvent): void {
    const kept = this.#servers.get(server) ?? [];
    kept.push(event);
    if (kept.length > MAX_TOKENS) kept.shift();
    this.#servers.delete(server);
    this.#servers.set(server, kept);
    // A Map keeps insertion order, so the oldest comes first.
    if (this.#servers.size > MAX_SERVERS) this.#servers.delete(this.#servers.keys().next().value!);
  }
}
