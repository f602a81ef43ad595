/**
 * Client only: the tokens of the server's NEW_TOKEN frames (RFC 9000 §8.1.3, §19.7), with which later connections prove
 * their address. The host keeps them; this file decides which of them are worth keeping.
 */

import { equalBytes } from "../../wire/text.ts";

/** A longer token leaves no room for the ClientHello in a datagram of 1200 bytes. */
export const MAX_TOKEN = 768;

/** The number of tokens of one connection; further ones are ignored. */
const MAX_TOKENS = 8;

export class ReceivedTokens {
  readonly #tokens: Uint8Array[] = [];

  /** True if the token is new and can be used. */
  accept(token: Uint8Array): boolean {
    if (token.length > MAX_TOKEN || this.#tokens.length >= MAX_TOKENS) return false;
    // RFC 9000 §19.7: a frame that was sent again brings the same token, whose second use would link connections.
    if (this.#tokens.some((known) => equalBytes(known, token))) return false;
    this.#tokens.push(token);
    return true;
  }
}
