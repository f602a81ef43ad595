/** What a client says about its file: Content-Disposition and Content-Type, or Upload-Metadata of tus 1.0. */

import { fromUtf8 } from "../../wire/text.ts";
import { type FieldSection, fieldValue } from "../field-section.ts";
import type { OFFSET_OCTET_STREAM, PARTIAL_UPLOAD } from "./profiles.ts";
import { decodeBase64 } from "./structured.ts";

/** What is known about a file. Clients choose it freely. */
export interface UploadMetadata {
  /** The file's name as the client gave it. It may contain anything, such as "../". */
  readonly name?: string | undefined;
  /** Its media type. */
  readonly type?: string | undefined;
  /** The keys and values of Upload-Metadata (tus 1.0). */
  readonly more?: Readonly<Record<string, string>> | undefined;
  /** The value of Upload-Metadata as it was sent, since HEAD repeats it. */
  readonly raw?: string | undefined;
}

const MAX_METADATA = 16_384;

/** Undefined if Upload-Metadata is malformed. */
export function parseTusMetadata(value: string): Readonly<Record<string, string>> | undefined {
  if (value.length > MAX_METADATA) return undefined;
  const pairs: [string, string][] = [];
  if (value.trim() === "") return {};
  for (const pair of value.split(",")) {
    const [key = "", encoded = "", ...rest] = pair.trim().split(" ");
    if (!/^[\x21-\x2b\x2d-\x7e]+$/.test(key) || rest.length > 0) return undefined;
    const bytes = decodeBase64(encoded);
    if (bytes === undefined || pairs.some(([known]) => known === key)) return undefined;
    pairs.push([key, fromUtf8(bytes)]);
  }
  return Object.fromEntries(pairs);
}

/** Of a request that creates an upload. `raw` Upload-Metadata has been checked by the caller if it must be valid. */
export function metadataOf(fields: FieldSection): UploadMetadata {
  const raw = fieldValue(fields, "upload-metadata");
  const more = raw === undefined ? undefined : parseTusMetadata(raw);
  const type = fieldValue(fields, "content-type");
  const isOfUpload = type !== undefined && /^application\/(?:partial-upload|offset\+octet-stream)\b/i.test(type);
  return {
    name: dispositionName(fieldValue(fields, "content-disposition")) ?? more?.filename ?? more?.name,
    type: (isOfUpload ? undefined : type) ?? more?.filetype ?? more?.type,
    more,
    raw: more === undefined ? undefined : raw,
  };
}

/** The file name of Content-Disposition (RFC 6266 §4.3). */
export function dispositionName(value: string | undefined): string | undefined {
  if (value === undefined || value.length > MAX_METADATA) return undefined;
  const extended = /;\s*filename\*\s*=\s*utf-8'[^']*'([^;\s]+)/i.exec(value)?.[1];
  if (extended !== undefined) {
    try {
      return decodeURIComponent(extended);
    } catch {
      // RFC 6266 §4.3: then filename counts.
    }
  }
  const match = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]+))/i.exec(value);
  const name = match?.[1]?.replaceAll(/\\(.)/g, "$1") ?? match?.[2];
  return name === undefined || name === "" ? undefined : name;
}

/** The media types of appends. */
export const isMediaType = (fields: FieldSection, type: typeof PARTIAL_UPLOAD | typeof OFFSET_OCTET_STREAM): boolean =>
  (fieldValue(fields, "content-type") ?? "").split(";")[0]!.trim().toLowerCase() === type;

const UNSAFE = /[\p{Cc}\p{Cf}\p{Cs}/\\:*?"<>|]/gu;

/**
 * A name for a file in a folder that others read: the last part of the client's, without characters that any system gives
 * a meaning, not hidden, and at most 200 bytes long. Undefined if nothing is left.
 */
export function safeFileName(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  const base = name.slice(0, 4_096).split(/[/\\]/).at(-1)!.normalize("NFC").replaceAll(UNSAFE, "_");
  const visible = base.replace(/^[.\s]+/, "").replace(/[.\s]+$/, "");
  const dot = visible.lastIndexOf(".");
  const extension = dot > 0 && visible.length - dot <= 16 ? visible.slice(dot) : "";
  const stem = extension === "" ? visible : visible.slice(0, dot);
  let short = stem;
  while (byteLengthOf(short) + byteLengthOf(extension) > 200) short = Array.from(short).slice(0, -1).join("");
  // Names of devices on Windows.
  if (short === "" || /^(?:con|prn|aux|nul|com\d|lpt\d)$/i.test(short)) return undefined;
  return `${short}${extension}`;
}

function byteLengthOf(text: string): number {
  let length = 0;
  for (const character of text) {
    const code = character.codePointAt(0)!;
    length += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x1_0000 ? 3 : 4;
  }
  return length;
}
