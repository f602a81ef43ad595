// The content of a request: -d and its variants, -F and -T. Files are streamed, not held in memory.
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { BodyLike, BodySource } from "../../client/index.ts";
import type { Io } from "../io.ts";
import { type DataFlag, unreadable } from "./flags.ts";

/** Bytes, or a source that yields a known number of bytes each time it is opened. */
export type Piece = Uint8Array | (BodySource & { readonly length: number });

export interface Content {
  readonly body: BodyLike;
  readonly type?: string;
}

/** -d, --data-binary, --data-raw, --data-urlencode: joined by "&", in the order given. */
export async function dataPieces(flags: readonly DataFlag[], io: Io): Promise<Piece[]> {
  const pieces: Piece[] = [];
  for (const flag of flags) {
    if (pieces.length > 0) pieces.push(Buffer.from("&"));
    pieces.push(...(await dataPiece(flag, io)));
  }
  return pieces;
}

async function dataPiece({ kind, value }: DataFlag, io: Io): Promise<Piece[]> {
  if (kind === "urlencode") return [Buffer.from(await urlencoded(value, io))];
  if (kind === "raw" || !value.startsWith("@")) return [Buffer.from(value)];
  const strip = kind === "data";
  if (value === "@-") {
    const input = await buffer(io.stdin);
    return [strip ? withoutBreaks(input) : input];
  }
  const path = value.slice(1);
  return [strip ? await strippedFile(path) : await filePiece(path)];
}

/** `content`, `=content`, `name=content`, `@file` or `name@file`; encodes only the content. */
async function urlencoded(value: string, io: Io): Promise<string> {
  const [, name = "", separator, rest = ""] = /^([^=@]*)([=@])(.*)$/s.exec(value) ?? [];
  if (separator === undefined) return encode(Buffer.from(value));
  const path = rest === "-" ? undefined : rest;
  const content =
    separator === "="
      ? Buffer.from(rest)
      : path === undefined
        ? await buffer(io.stdin)
        : await readFile(path).catch(unreadable);
  return name === "" ? encode(content) : `${name}=${encode(content)}`;
}

/** RFC 3986 §2.3 lists the characters that need no encoding. Forms write a space as a plus sign. */
const encode = (content: Uint8Array): string =>
  Array.from(content, (byte) => {
    const character = String.fromCharCode(byte);
    if (/[A-Za-z0-9\-._~]/.test(character)) return character;
    return byte === 0x20 ? "+" : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
  }).join("");

/** Streams a regular file. Anything whose length is not known in advance, such as a FIFO, is read first. */
export async function filePiece(path: string): Promise<Piece> {
  const facts = await stat(path).catch(unreadable);
  if (!facts.isFile()) return readFile(path).catch(unreadable);
  if (facts.size === 0) return new Uint8Array(0);
  return { length: facts.size, open: () => createReadStream(path, { end: facts.size - 1 }) };
}

/** -d strips line breaks and NUL. The resulting length is counted before sending. */
async function strippedFile(path: string): Promise<Piece> {
  let length = 0;
  try {
    for await (const chunk of createReadStream(path)) length += withoutBreaks(chunk as Buffer).length;
  } catch (error) {
    unreadable(error);
  }
  return {
    length,
    async *open() {
      for await (const chunk of createReadStream(path)) yield withoutBreaks(chunk as Buffer);
    },
  };
}

const withoutBreaks = (bytes: Buffer): Buffer =>
  Buffer.from(bytes.toString("latin1").replace(/[\r\n\0]/g, ""), "latin1");

/** Joins pieces into one body, which is a byte array if all of them are in memory. */
export function bodyOf(pieces: readonly Piece[]): BodyLike {
  const inMemory = pieces.filter((each) => each instanceof Uint8Array);
  if (inMemory.length === pieces.length) return Buffer.concat(inMemory);
  return {
    length: pieces.reduce((sum, { length }) => sum + length, 0),
    async *open() {
      for (const piece of pieces) {
        if (piece instanceof Uint8Array) yield piece;
        else yield* piece.open();
      }
    },
  };
}

/** -T: a file, or stdin as a stream. */
export async function uploadBody(path: string, io: Io): Promise<BodyLike> {
  if (path === "-" || path === ".") return io.stdin as Readable & AsyncIterable<Uint8Array>;
  return bodyOf([await filePiece(path)]);
}

/** As in curl, the file's name is appended to a URL that ends with a slash. */
export function uploadUrl(url: URL, path: string): URL {
  if (!url.pathname.endsWith("/") || path === "-" || path === ".") return url;
  const named = new URL(url);
  named.pathname += encodeURIComponent(basename(path));
  return named;
}
