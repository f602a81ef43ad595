/**
 * The answers to challenges that are under way. They are in the storage as well, since the authority may ask another
 * process or another machine than the one that ordered.
 */

import { createHash } from "node:crypto";
import type { AcmeClock } from "./clock.ts";
import type { Storage } from "./storage.ts";

/** How a server proves that it controls a name (RFC 8555 §8, RFC 8737). */
export type ChallengeKind = "http-01" | "tls-alpn-01" | "dns-01";

/** Milliseconds after which an answer that a crash has left is ignored. */
const LIFETIME = 3_600_000;

export class ChallengeAnswers {
  readonly #storage: Storage;
  readonly #own = new Map<string, string>();
  readonly #clock: Pick<AcmeClock, "now">;

  constructor(storage: Storage, clock: Pick<AcmeClock, "now">) {
    this.#storage = storage;
    this.#clock = clock;
  }

  /** `id` is the token of HTTP-01, or the name of TLS-ALPN-01. */
  async set(kind: ChallengeKind, id: string, keyAuthorization: string): Promise<void> {
    const key = keyOf(kind, id);
    this.#own.set(key, keyAuthorization);
    await this.#storage.put(key, JSON.stringify({ keyAuthorization, expires: this.#clock.now() + LIFETIME }));
  }

  async remove(kind: ChallengeKind, id: string): Promise<void> {
    const key = keyOf(kind, id);
    this.#own.delete(key);
    await this.#storage.delete(key);
  }

  /** The key authorization. The id comes from a stranger. */
  async find(kind: ChallengeKind, id: string): Promise<string | undefined> {
    if (!isToken(id) && !/^[a-z0-9_.-]{1,253}$/.test(id)) return undefined;
    const key = keyOf(kind, id);
    const own = this.#own.get(key);
    if (own !== undefined) return own;
    try {
      const text = await this.#storage.get(key);
      if (text === undefined) return undefined;
      const { keyAuthorization, expires } = JSON.parse(text) as { keyAuthorization: string; expires: number };
      return expires > this.#clock.now() ? keyAuthorization : undefined;
    } catch {
      return undefined;
    }
  }
}

/** RFC 8555 §8.3: base64url, and nothing that would lead elsewhere. */
export const isToken = (token: string): boolean => /^[A-Za-z0-9_-]{1,200}$/.test(token);

/** Names and tokens become digests, so that any of them is a key. */
const keyOf = (kind: ChallengeKind, id: string): string =>
  `challenges/${kind}/${createHash("sha256").update(id).digest("hex").slice(0, 32)}`;

/** RFC 8555 §8.1 */
export const keyAuthorizationOf = (token: string, thumbprint: string): string => `${token}.${thumbprint}`;

/** The content of the TXT record (RFC 8555 §8.4). */
export const dnsValueOf = (keyAuthorization: string): string =>
  createHash("sha256").update(keyAuthorization).digest("base64url");
