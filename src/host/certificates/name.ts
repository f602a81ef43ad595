/** Distinguished names (RFC 5280 §4.1.2.4), for comparison between certificates and for display. */

import { DerReader, Tag } from "../../crypto/index.ts";
import { toHex } from "../../wire/hex.ts";
import { fromLatin1, fromUtf8 } from "../../wire/text.ts";

export interface X509Name {
  /** DER, as in the certificate. */
  readonly raw: Uint8Array;
  /** One entry per relative name. Equal for matching names (RFC 5280 §7.1); a subtree's is a prefix of its members'. */
  readonly canonical: readonly string[];
  /** For display: the common name, or else the organization, or else all other attributes. */
  readonly display: string;
}

const BMP_STRING = 0x1e;
const COMMON_NAME = "550403";
const ORGANIZATION = "55040a";
const ORGANIZATIONAL_UNIT = "55040b";

export const sameName = (a: X509Name, b: X509Name): boolean =>
  a.canonical.length === b.canonical.length && isWithin(a, b);

/** True if `base` is a prefix of `name`. */
export const isWithin = (name: X509Name, base: X509Name): boolean =>
  base.canonical.every((entry, i) => entry === name.canonical[i]);

/** Returns undefined if the name is malformed. */
export function readName(reader: DerReader): X509Name | undefined {
  const raw = reader.takeWhole(Tag.sequence);
  const names = raw === undefined ? undefined : new DerReader(raw).enter(Tag.sequence);
  if (raw === undefined || names === undefined) return undefined;
  const canonical: string[] = [];
  const attributes = new Map<string, string>();
  while (!names.isDone) {
    const relative = names.enter(Tag.set);
    if (relative === undefined) return undefined;
    const entries: string[] = [];
    while (!relative.isDone) {
      const attribute = relative.enter(Tag.sequence);
      const type = attribute?.take(Tag.oid);
      const tag = attribute?.nextTag;
      const value = tag === undefined ? undefined : attribute?.take(tag);
      if (type === undefined || value === undefined || tag === undefined) return undefined;
      const text = readText(tag, value);
      entries.push(`${toHex(type)}=${text === undefined ? `${tag}#${toHex(value)}` : normalizeText(text)}`);
      attributes.set(toHex(type), text ?? toHex(value));
    }
    canonical.push(entries.sort().join("+"));
  }
  const display =
    attributes.get(COMMON_NAME) ??
    attributes.get(ORGANIZATION) ??
    attributes.get(ORGANIZATIONAL_UNIT) ??
    [...attributes.values()].join(", ");
  return { raw, canonical, display };
}

function readText(tag: number, value: Uint8Array): string | undefined {
  switch (tag) {
    case Tag.utf8String:
      return fromUtf8(value);
    case Tag.printableString:
    case Tag.ia5String:
      return fromLatin1(value);
    case BMP_STRING:
      return value.length % 2 === 0 ? Buffer.from(value).swap16().toString("utf16le") : undefined;
    default:
      return undefined;
  }
}

/** Ignores case and folds whitespace (RFC 4518 §2, as far as real names require). */
const normalizeText = (text: string): string =>
  text.trim().replace(/\s+/g, " ").toLowerCase().replace(/[=+#]/g, "\\$&");
