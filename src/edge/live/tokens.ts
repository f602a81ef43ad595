/** JSON Web Tokens (RFC 7519) as what peers of a relay may do. Needs the optional package `jose`. */

import { createPublicKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { type LiveAuthorize, liveError } from "./options.ts";

/** Keys of tokens. */
export interface LiveTokenOptions {
  /** A JWK, a JWK set, or a public key as PEM. A symmetric key (`kty: "oct"`) is as good as the tokens that it signs. */
  readonly keyFile: string;
  /** The `aud` that tokens must have; any by default. */
  readonly audience?: string | undefined;
}

/** What this needs of `jose`, which is not installed with us. */
interface Jose {
  jwtVerify(
    token: string,
    key: unknown,
    options: { readonly algorithms: readonly string[]; readonly audience?: string },
  ): Promise<{ readonly payload: Readonly<Record<string, unknown>> }>;
  createLocalJWKSet(set: { readonly keys: readonly unknown[] }): unknown;
}

/** A key, and the algorithms (RFC 7518 §3.1) that go with it: a public key must never be taken for a shared secret. */
interface TokenKey {
  readonly key: unknown;
  readonly algorithms: readonly string[];
}

const SYMMETRIC = ["HS256", "HS384", "HS512"];
const ASYMMETRIC = [
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
  "PS256",
  "PS384",
  "PS512",
  "RS256",
  "RS384",
  "RS512",
];

/** Claims: `root` stands before the other names; `put` (or `publish`) and `get` (or `subscribe`) are names that may be published and watched; `exp` ends it. */
export async function liveTokens({ keyFile, audience }: LiveTokenOptions): Promise<LiveAuthorize> {
  const jose = await loadJose();
  const { key, algorithms } = await readKey(jose, keyFile);
  return async ({ token }) => {
    if (token === undefined) return false;
    try {
      const { payload } = await jose.jwtVerify(token, key, {
        algorithms,
        ...(audience === undefined ? {} : { audience }),
      });
      const root = typeof payload.root === "string" ? payload.root : "";
      const names = (...claims: readonly string[]): string[] =>
        claims.flatMap((claim) => textsOf(payload[claim]).map((name) => `${root}/${name}`));
      return {
        publish: names("put", "publish"),
        subscribe: names("get", "subscribe"),
        expires: typeof payload.exp === "number" ? payload.exp * 1_000 : undefined,
      };
    } catch {
      // Expired, forged or malformed: nothing is allowed.
      return false;
    }
  };
}

const textsOf = (value: unknown): readonly string[] =>
  typeof value === "string" ? [value] : Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];

async function loadJose(): Promise<Jose> {
  const name = "jose";
  try {
    return (await import(name)) as Jose;
  } catch (cause) {
    throw Object.assign(liveError("tokens need a reader of JSON Web Tokens: npm install jose"), { cause });
  }
}

async function readKey(jose: Jose, path: string): Promise<TokenKey> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    throw Object.assign(liveError(`cannot read ${path}: ${(cause as Error).message}`), { cause });
  }
  try {
    if (text.includes("-----BEGIN")) return { key: createPublicKey(text), algorithms: ASYMMETRIC };
    const parsed = JSON.parse(text) as {
      readonly kty?: string;
      readonly k?: string;
      readonly keys?: readonly unknown[];
    };
    if (parsed.kty === "oct" && typeof parsed.k === "string") {
      return { key: new Uint8Array(Buffer.from(parsed.k, "base64url")), algorithms: SYMMETRIC };
    }
    if (parsed.keys === undefined && parsed.kty === undefined) throw new TypeError("it has neither kty nor keys");
    return { key: jose.createLocalJWKSet({ keys: parsed.keys ?? [parsed] }), algorithms: ASYMMETRIC };
  } catch (cause) {
    throw Object.assign(liveError(`${path} is no JWK, JWK set or PEM key: ${(cause as Error).message}`), { cause });
  }
}
