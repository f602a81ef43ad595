/** Tokens that the peer registered under an alias (§10.2.2.1 of draft 18), within the bytes that we allowed. */

import { moqError, SESSION_ERRORS } from "../errors.ts";
import type { Token } from "../model.ts";

/** A token that a request carries or refers to. */
export interface ResolvedToken {
  readonly type: number;
  readonly value: Uint8Array;
}

/** Bytes that an alias costs beside its value. */
const ENTRY_COST = 16;

/** Keeps what was registered, and resolves references to it. */
export class TokenCache {
  readonly #limit: number;
  readonly #tokens = new Map<number, ResolvedToken>();
  #size = 0;

  /** Bytes; 0 allows no aliases. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Bytes. */
  get size(): number {
    return this.#size;
  }

  /** Applies the actions of a message's tokens, and returns those that authorize it. Throws a `ProtocolError`. */
  resolve(tokens: readonly Token[] = []): ResolvedToken[] {
    return tokens.flatMap((token) => {
      switch (token.action) {
        case "delete":
          this.#size -= costOf(this.#known(token.alias));
          this.#tokens.delete(token.alias);
          return [];
        case "use-alias":
          return [this.#known(token.alias)];
        case "register":
          this.#register(token.alias, token);
          return [{ type: token.type, value: token.value }];
        default:
          return [{ type: token.type, value: token.value }];
      }
    });
  }

  #known(alias: number): ResolvedToken {
    const token = this.#tokens.get(alias);
    if (token === undefined)
      throw moqError(SESSION_ERRORS.UNKNOWN_AUTH_TOKEN_ALIAS, "token", `alias ${alias} was not registered`);
    return token;
  }

  #register(alias: number, { type, value }: ResolvedToken): void {
    const { DUPLICATE_AUTH_TOKEN_ALIAS, AUTH_TOKEN_CACHE_OVERFLOW } = SESSION_ERRORS;
    if (this.#tokens.has(alias)) throw moqError(DUPLICATE_AUTH_TOKEN_ALIAS, "token", `alias ${alias} is in use`);
    const token = { type, value };
    if (this.#size + costOf(token) > this.#limit) {
      throw moqError(AUTH_TOKEN_CACHE_OVERFLOW, "token", `more than ${this.#limit} bytes of tokens`);
    }
    this.#tokens.set(alias, token);
    this.#size += costOf(token);
  }
}

/** Bytes that a token counts in a cache. */
export const costOf = ({ value }: ResolvedToken): number => ENTRY_COST + value.length;
