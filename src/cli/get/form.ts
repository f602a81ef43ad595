// -F: multipart/form-data (RFC 7578), in curl's notation: name=value, name=@file, name=<file, with ;type= and ;filename=.
import { randomBytes } from "node:crypto";
import { basename, extname } from "node:path";
import { buffer } from "node:stream/consumers";
import { usageError } from "../fail.ts";
import type { Io } from "../io.ts";
import { bodyOf, type Content, filePiece, type Piece } from "./data.ts";

/** curl's short list of media types. Anything else is application/octet-stream. */
const TYPES: Readonly<Record<string, string>> = {
  ".gif": "image/gif",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain",
  ".htm": "text/html",
  ".html": "text/html",
  ".pdf": "application/pdf",
  ".xml": "application/xml",
};

export async function formContent(parts: readonly string[], io: Io): Promise<Content> {
  const boundary = `------------------------${randomBytes(8).toString("hex")}`;
  const pieces: Piece[] = [];
  for (const part of parts) pieces.push(Buffer.from(`--${boundary}\r\n`), ...(await partPieces(part, io)));
  pieces.push(Buffer.from(`--${boundary}--\r\n`));
  return { body: bodyOf(pieces), type: `multipart/form-data; boundary=${boundary}` };
}

async function partPieces(part: string, io: Io): Promise<Piece[]> {
  const equals = part.indexOf("=");
  if (equals === -1) throw usageError(`-F takes name=content, not "${part}"`);
  const name = part.slice(0, equals);
  const rest = part.slice(equals + 1);
  const source = rest.startsWith("@") ? "file" : rest.startsWith("<") ? "content of file" : "value";
  const { value, type, filename } = readNotation(source === "value" ? rest : rest.slice(1));
  const piece = source === "value" ? Buffer.from(value) : await readPart(value, io);
  const shown = filename ?? (source === "file" ? basename(value) : undefined);
  const mediaType =
    type ?? (source === "file" ? (TYPES[extname(shown ?? "").toLowerCase()] ?? "application/octet-stream") : undefined);
  const head = [
    `Content-Disposition: form-data; name="${percentEncode(name)}"${shown === undefined ? "" : `; filename="${percentEncode(shown)}"`}`,
    ...(mediaType === undefined ? [] : [`Content-Type: ${mediaType}`]),
  ];
  return [Buffer.from(`${head.join("\r\n")}\r\n\r\n`), piece, Buffer.from("\r\n")];
}

const readPart = async (path: string, io: Io): Promise<Piece> =>
  path === "-" ? await buffer(io.stdin) : await filePiece(path);

/** Parses a value, which is quoted if it contains a semicolon, and its `;type=` and `;filename=`. */
function readNotation(text: string): { value: string; type?: string; filename?: string } {
  const quoted = /^"((?:[^"\\]|\\.)*)"/s.exec(text);
  const end = text.search(/;(?:type|filename)=/);
  const value = quoted !== null ? unquote(quoted[1]!) : end === -1 ? text : text.slice(0, end);
  const options = quoted !== null ? text.slice(quoted[0].length) : end === -1 ? "" : text.slice(end);
  const found: { type?: string; filename?: string } = {};
  for (const [, key, bare, inQuotes] of options.matchAll(
    /;(type|filename)=(?:"((?:[^"\\]|\\.)*)"|((?:(?!;(?:type|filename)=).)*))/gs,
  )) {
    found[key as "type" | "filename"] = bare === undefined ? inQuotes! : unquote(bare);
  }
  return { value, ...found };
}

const unquote = (text: string): string => text.replace(/\\(.)/gs, "$1");

/** HTML Standard, "multipart/form-data encoding algorithm": quotation marks and line breaks are percent-encoded. */
const percentEncode = (text: string): string =>
  text.replace(/["\r\n]/g, (each) => `%${each.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);
