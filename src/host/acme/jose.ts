/** Signed requests: JWS (RFC 7515) with the keys of accounts (RFC 8555 §6.2), thumbprints (RFC 7638), external accounts (§7.3.4). */

import {
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  sign,
} from "node:crypto";
import { invalidOption } from "./errors.ts";

/** The signature algorithms of account keys (RFC 7518). */
export type AccountAlgorithm = "ES256" | "EdDSA";

export interface AccountKey {
  readonly privateKey: KeyObject;
  readonly algorithm: AccountAlgorithm;
  /** The public key, with the members of RFC 7638 §3.2 in their order. */
  readonly jwk: Readonly<Record<string, string>>;
  /** Base64url of the SHA-256 of the public key (RFC 7638). */
  readonly thumbprint: string;
}

export function generateAccountKey(algorithm: AccountAlgorithm = "ES256"): AccountKey {
  const { privateKey } =
    algorithm === "ES256" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
  return describeKey(privateKey);
}

/** Throws for anything but a P-256 or Ed25519 key in PEM. */
export const accountKeyOf = (pem: string): AccountKey => describeKey(createPrivateKey(pem));

export const pemOfKey = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();

function describeKey(privateKey: KeyObject): AccountKey {
  const { crv, x, y } = createPublicKey(privateKey).export({ format: "jwk" }) as JsonWebKey & Record<string, string>;
  const isEd25519 = privateKey.asymmetricKeyType === "ed25519";
  if (!isEd25519 && crv !== "P-256") throw invalidOption("an account needs a P-256 or Ed25519 key");
  const jwk: Readonly<Record<string, string>> = isEd25519
    ? { crv: "Ed25519", kty: "OKP", x: x! }
    : { crv: "P-256", kty: "EC", x: x!, y: y! };
  return {
    privateKey,
    algorithm: isEd25519 ? "EdDSA" : "ES256",
    jwk,
    thumbprint: createHash("sha256").update(JSON.stringify(jwk)).digest("base64url"),
  };
}

export const base64url = (data: string | Uint8Array): string => Buffer.from(data as Uint8Array).toString("base64url");

interface ProtectedHeader {
  readonly url: string;
  readonly nonce?: string;
  /** The account's URL; otherwise the key itself is sent. */
  readonly kid?: string | undefined;
}

/** The flattened JSON serialization (RFC 8555 §6.2). An undefined payload makes a POST-as-GET (§6.3). */
export function signedBody(key: AccountKey, header: ProtectedHeader, payload: unknown): string {
  const { kid, ...rest } = header;
  const protectedHeader = base64url(
    JSON.stringify({ alg: key.algorithm, ...(kid === undefined ? { jwk: key.jwk } : { kid }), ...rest }),
  );
  const body = payload === undefined ? "" : base64url(JSON.stringify(payload));
  const input = Buffer.from(`${protectedHeader}.${body}`);
  const signature =
    key.algorithm === "ES256"
      ? sign("sha256", input, { key: key.privateKey, dsaEncoding: "ieee-p1363" })
      : sign(null, input, key.privateKey);
  return JSON.stringify({ protected: protectedHeader, payload: body, signature: base64url(signature) });
}

/** An account that the authority's site has given out. */
export interface ExternalAccount {
  readonly kid: string;
  /** Base64url. */
  readonly hmacKey: string;
}

/** Binds our key to an external account (RFC 8555 §7.3.4). */
export function externalBinding({ kid, hmacKey }: ExternalAccount, key: AccountKey, url: string): object {
  const protectedHeader = base64url(JSON.stringify({ alg: "HS256", kid, url }));
  const payload = base64url(JSON.stringify(key.jwk));
  const mac = createHmac("sha256", Buffer.from(hmacKey, "base64url")).update(`${protectedHeader}.${payload}`);
  return { protected: protectedHeader, payload, signature: mac.digest("base64url") };
}
