/** Our tokens at the peer (§10.2.2.1 of draft 18): sent once with an alias if the peer keeps them, and referred to later. */

import { equalBytes } from "../../../wire/text.ts";
import type { Token } from "../model.ts";
import { costOf, type ResolvedToken } from "./token-cache.ts";

interface Registered extends ResolvedToken {
  readonly alias: number;
  /** True once the peer certainly knows the alias. */
  isKnown: boolean;
}

/** Decides how each token is said. */
export class TokenRegistry {
  #room = 0;
  #next = 0;
  readonly #registered: Registered[] = [];

  readonly #isOrdered: boolean;

  /** `isOrdered` if the peer reads requests in the order in which they were made: then an alias may be used at once. */
  constructor(isOrdered: boolean) {
    this.#isOrdered = isOrdered;
  }

  /** MAX_AUTH_TOKEN_CACHE_SIZE of the peer's setup, in bytes: nothing is registered before. */
  handleSetup(maxTokenCache: number): void {
    this.#room = maxTokenCache;
  }

  /** How to say a token in the next request: registers it if there is room, and refers to it if it was. */
  say({ type, value }: ResolvedToken): Token {
    const known = this.#registered.find((each) => each.type === type && equalBytes(each.value, value));
    const token = { type, value };
    if (known !== undefined)
      return known.isKnown ? { action: "use-alias", alias: known.alias } : { action: "use-value", ...token };
    if (costOf(token) > this.#room) return { action: "use-value", ...token };
    this.#room -= costOf(token);
    const alias = this.#next;
    this.#next += 1;
    this.#registered.push({ alias, isKnown: this.#isOrdered, ...token });
    return { action: "register", alias, ...token };
  }

  /** A request with these tokens was answered. */
  confirm(tokens: readonly Token[] = []): void {
    for (const token of tokens) {
      if (token.action !== "register") continue;
      const registered = this.#registered.find(({ alias }) => alias === token.alias);
      if (registered !== undefined) registered.isKnown = true;
    }
  }

  /** Makes room, for a token that is not used any more; undefined if it was not registered. */
  retire({ type, value }: ResolvedToken): Token | undefined {
    const at = this.#registered.findIndex((each) => each.type === type && equalBytes(each.value, value));
    if (at === -1) return undefined;
    const [token] = this.#registered.splice(at, 1);
    this.#room += costOf(token!);
    return { action: "delete", alias: token!.alias };
  }
}
