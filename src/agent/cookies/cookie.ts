/** A stored cookie (RFC 6265bis §5.7), and the two sets of rules that this room knows. */

/** `unset` is a cookie without a valid SameSite attribute: sent like `lax`, with one exception (`LAX_ALLOWING_UNSAFE`). */
export type SameSite = "strict" | "lax" | "none" | "unset";

/** The partition of a cookie with the attribute Partitioned (CHIPS). */
export interface PartitionKey {
  /** Scheme and registrable domain of the top-level document: `https://example.com`. */
  readonly topLevelSite: string;
  /** True if the chain of frames contains another site than the cookie's. */
  readonly hasCrossSiteAncestor: boolean;
}

/** A cookie as a jar keeps it. */
export interface Cookie {
  /** May be empty, but not together with the value. */
  readonly name: string;
  readonly value: string;
  /** A host name, or an IP address; without a leading dot. */
  readonly domain: string;
  /** False if the domain's other hosts get it too. */
  readonly hostOnly: boolean;
  readonly path: string;
  readonly secure: boolean;
  readonly httpOnly: boolean;
  readonly sameSite: SameSite;
  /** Undefined for a cookie that is not partitioned. */
  readonly partitionKey: PartitionKey | undefined;
  /** Milliseconds since 1970; undefined for a session cookie. */
  readonly expires: number | undefined;
  /** Milliseconds since 1970. */
  readonly created: number;
}

/**
 * Whose rules hold. `chromium` is what Chromium 156 was measured to do, `rfc6265bis` is the draft's text. The README of this
 * room lists the differences.
 */
export type Profile = "chromium" | "rfc6265bis";

/** RFC 6265bis §5.6: bytes of a name and its value together. */
export const MAX_PAIR_BYTES = 4_096;
/** RFC 6265bis §5.6: bytes of an attribute's value. A longer attribute is ignored. */
export const MAX_ATTRIBUTE_BYTES = 1_024;
/** RFC 6265bis §5.5: the maximum lifetime, in milliseconds. */
export const MAX_LIFETIME = 400 * 24 * 3_600 * 1_000;
/** Milliseconds in which a new cookie without SameSite is sent with cross-site top-level POST requests too. */
export const LAX_ALLOWING_UNSAFE = 120_000;

/** The text of a partition key, for maps. */
export const partitionText = (key: PartitionKey | undefined): string =>
  key === undefined ? "" : `${key.hasCrossSiteAncestor ? "x" : "s"} ${key.topLevelSite}`;

/** Bytes of a string that holds bytes, as fields of HTTP do. Characters beyond U+00FF count as UTF-8. */
export function byteLength(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i += 1) {
    const unit = text.charCodeAt(i);
    if (unit > 0xff) bytes += unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 1 : 2;
  }
  return bytes;
}
