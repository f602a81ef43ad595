/** The data of records in presentation format (RFC 1035 §5.1, RFC 3597 §5), field by field as the table of types says. */

import { fromHex, toHex } from "../wire/hex.ts";
import { formatIpAddress, ipVersion, parseIpAddress } from "../wire/ip-address.ts";
import { Reader } from "../wire/reader.ts";
import { fromLatin1 } from "../wire/text.ts";
import { fromBase32Hex, fromBase64, toBase32Hex, toBase64 } from "./base-encodings.ts";
import { quoteText, unescapeText } from "./character-string.ts";
import { PresentationError } from "./errors.ts";
import { nameKey, parseRelativeName } from "./name.ts";
import { readData } from "./record-data.ts";
import {
  type AnyData,
  type FieldKind,
  type FieldValues,
  fieldsOf,
  type RecordData,
  recordTypeOf,
  typeName,
  typeNumber,
} from "./record-types.ts";
import { parseSvcParams, printSvcParams } from "./svc-param-text.ts";
import { dateText, parseDate } from "./time-text.ts";
import type { Token } from "./tokens.ts";

/** Parses the data of a record of this type. Relative names are below `origin`. */
export function parseData(number: number, tokens: readonly Token[], origin: string): AnyData {
  if (tokens[0]?.text === "\\#" && !tokens[0].isQuoted) return parseGeneric(number, tokens);
  const type = recordTypeOf(number);
  if (type === undefined) {
    throw new PresentationError(`${typeName(number)}: write the data of this type as \\# LENGTH HEX (RFC 3597)`);
  }
  const rest = [...tokens];
  const data: Record<string, unknown> = { type };
  for (const [name, kind] of fieldsOf(type)) {
    try {
      data[name] = parseField(kind, rest, origin);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      throw new PresentationError(`${type}, ${name}: ${problem}`, { cause: error });
    }
  }
  const extra = rest[0];
  if (extra !== undefined) throw new PresentationError(`${type}: ${extra.text} is left over`);
  return data as unknown as RecordData;
}

/** RFC 3597 §5: `\# 4 c0000201`. */
function parseGeneric(number: number, [, length, ...digits]: readonly Token[]): AnyData {
  const bytes = hexBytes(digits.map(({ text }) => text).join(""));
  if (length?.text !== String(bytes.length)) {
    throw new PresentationError(`\\# announces ${length?.text ?? "no"} bytes, and ${bytes.length} follow`);
  }
  const data = readData(number, new Reader(bytes));
  if (data.type === "malformed") throw new PresentationError(data.problem);
  return data;
}

/** Takes the field's tokens from the front of `tokens`. */
function parseField(kind: FieldKind, tokens: Token[], origin: string): FieldValues[FieldKind] {
  const take = (): string => {
    const token = tokens.shift();
    if (token === undefined) throw new PresentationError("the value is missing");
    return token.text;
  };
  const takeAll = (): string[] => tokens.splice(0).map(({ text }) => text);
  switch (kind) {
    case "uint8":
      return decimal(take(), 0xff);
    case "uint16":
      return decimal(take(), 0xffff);
    case "uint32":
      return decimal(take(), 0xffff_ffff);
    case "time":
      return parseDate(take());
    case "name":
    case "plain-name":
    case "uncompressed-name":
      return parseRelativeName(take(), origin);
    case "ipv4":
      return address(take(), 4);
    case "ipv6":
      return address(take(), 6);
    case "string":
    case "word":
      return shortBytes(unescapeText(take()));
    case "strings": {
      const strings = takeAll().map((text) => shortBytes(unescapeText(text)));
      if (strings.length === 0) throw new PresentationError("the text is missing");
      return strings;
    }
    case "text":
      return unescapeText(take());
    case "base64":
      return fromBase64(takeAll().join(""));
    case "hex":
      return hexBytes(takeAll().join(""));
    case "salt": {
      const text = take();
      return shortBytes(text === "-" ? new Uint8Array(0) : hexBytes(text));
    }
    case "hash":
      return shortBytes(fromBase32Hex(take()));
    case "type":
      return knownType(take());
    case "types":
      return [...new Set(takeAll().map(knownType))].sort((a, b) => a - b);
    case "svc-params":
      return parseSvcParams(takeAll());
  }
}

/** The data in presentation format. */
export function printData(data: AnyData): string {
  if (data.type === "opaque" || data.type === "malformed") {
    const { bytes } = data;
    return bytes.length === 0 ? "\\# 0" : `\\# ${bytes.length} ${toHex(bytes)}`;
  }
  const values = data as unknown as Readonly<Record<string, unknown>>;
  return fieldsOf(data.type)
    .map(([name, kind]) => printField(kind, values[name]))
    .filter((text) => text !== "")
    .join(" ");
}

function printField(kind: FieldKind, value: unknown): string {
  switch (kind) {
    case "uint8":
    case "uint16":
    case "uint32":
    case "name":
    case "plain-name":
    case "uncompressed-name":
    case "ipv4":
    case "ipv6":
      return String(value);
    case "time":
      return dateText(value as number);
    case "string":
    case "text":
      return quoteText(value as Uint8Array);
    case "word":
      return fromLatin1(value as Uint8Array);
    case "strings":
      return (value as readonly Uint8Array[]).map(quoteText).join(" ");
    case "base64":
      return toBase64(value as Uint8Array);
    case "hex":
      return toHex(value as Uint8Array);
    case "salt":
      return (value as Uint8Array).length === 0 ? "-" : toHex(value as Uint8Array);
    case "hash":
      return toBase32Hex(value as Uint8Array);
    case "type":
      return typeName(value as number);
    case "types":
      return (value as readonly number[]).map(typeName).join(" ");
    case "svc-params":
      return printSvcParams(value as FieldValues["svc-params"]).join(" ");
  }
}

function decimal(text: string, max: number): number {
  if (!/^\d{1,10}$/.test(text) || Number(text) > max)
    throw new PresentationError(`${text} is not a number up to ${max}`);
  return Number(text);
}

function address(text: string, version: 4 | 6): string {
  if (ipVersion(text) !== version) throw new PresentationError(`${text} is not an IPv${version} address`);
  return formatIpAddress(parseIpAddress(text)!);
}

function shortBytes(bytes: Uint8Array): Uint8Array {
  if (bytes.length > 255) throw new PresentationError("a character string is longer than 255 bytes");
  return bytes;
}

function hexBytes(text: string): Uint8Array {
  try {
    return fromHex(text);
  } catch (error) {
    throw new PresentationError("not hexadecimal", { cause: error });
  }
}

function knownType(text: string): number {
  const number = typeNumber(text);
  if (number === undefined) throw new PresentationError(`${nameKey(text)} is not a record type`);
  return number;
}
