/**
 * One request: a line that is parsed in place, and the value that follows it. A line is kept as it came, so that it can be
 * passed on unchanged. What counts as malformed here is what memcached's proxy refuses itself ("parsing request"); all
 * other errors are the backend's to report.
 */

import { COMMANDS, type Command, type CommandKind, kindOf } from "./command.ts";
import { MAX_TOKENS } from "./limits.ts";

/** Which successful responses are hidden from the client: none, those of `noreply`, or those of the meta flag `q`. */
export type Quiet = "no" | "noreply" | "meta";

const SPACE = 0x20;
const CR = 0x0d;
/** memcached keeps lengths in 32-bit integers, and adds 2. */
const MAX_LENGTH = 0x7fff_ffff - 2;

export class Request {
  readonly command: Command;
  readonly kind: CommandKind;
  readonly bytes: Uint8Array;
  /** The line, from its first byte to its line end, which is included in `end` only. */
  readonly start: number;
  readonly lineEnd: number;
  readonly end: number;
  keyStart = 0;
  keyEnd = 0;
  quiet: Quiet = "no";
  /** True if a space follows the key of a get: it may be a multiget. */
  hasMoreKeys = false;
  /** True for one key of a multiget: its response has no END. */
  isPart = false;
  /** Bytes of the value with its CRLF; 0 if the command has none. */
  valueLength = 0;
  /** The value with its CRLF. */
  value: Uint8Array | undefined;
  /** Meta flags as bits: letter code − 65, below and from 32. */
  flagsLow = 0;
  flagsHigh = 0;

  constructor(command: Command, bytes: Uint8Array, start: number, lineEnd: number, end: number) {
    this.command = command;
    this.kind = kindOf(command);
    this.bytes = bytes;
    this.start = start;
    this.lineEnd = lineEnd;
    this.end = end;
  }

  /** True if a meta request has this flag. */
  hasFlag(letter: string): boolean {
    const bit = letter.charCodeAt(0) - 65;
    return ((bit < 32 ? this.flagsLow >>> bit : this.flagsHigh >>> (bit - 32)) & 1) === 1;
  }

  get key(): string {
    return text(this.bytes, this.keyStart, this.keyEnd);
  }

  /** The tokens of the line, at most 24. */
  tokens(): string[] {
    return text(this.bytes, this.start, this.lineEnd)
      .split(" ")
      .filter((token) => token !== "")
      .slice(0, MAX_TOKENS);
  }
}

/** Bytes as Latin-1 text. */
export function text(bytes: Uint8Array, start: number, end: number): string {
  let result = "";
  for (let i = start; i < end; i += 1) result += String.fromCharCode(bytes[i]!);
  return result;
}

/** Latin-1 text as bytes. */
export function latin1(source: string): Uint8Array {
  const bytes = new Uint8Array(source.length);
  for (let i = 0; i < source.length; i += 1) bytes[i] = source.charCodeAt(i);
  return bytes;
}

/** Parses the line `bytes[start..end)`, which ends with LF. Returns undefined if it is malformed. */
export function parseRequest(bytes: Uint8Array, start: number, end: number): Request | undefined {
  if (end - start < 4) return undefined;
  const lineEnd = bytes[end - 2] === CR ? end - 2 : end - 1;
  const commandEnd = nextSpace(bytes, start, lineEnd);
  const command = commandOf(bytes, start, commandEnd - start);
  if (command === undefined) return undefined;
  const request = new Request(command, bytes, start, lineEnd, end);
  return readArguments(request, commandEnd) ? request : undefined;
}

/** Parses a text that has no line end. */
export const parseRequestText = (line: string): Request | undefined => {
  const bytes = latin1(`${line}\r\n`);
  return parseRequest(bytes, 0, bytes.length);
};

function readArguments(request: Request, at: number): boolean {
  switch (request.command) {
    case COMMANDS.mg:
    case COMMANDS.md:
    case COMMANDS.ma:
    case COMMANDS.me:
      return readKey(request, at) && readFlags(request, request.keyEnd);
    case COMMANDS.ms:
      return readKey(request, at) && readMetaLength(request);
    case COMMANDS.get:
    case COMMANDS.gets:
      return readKey(request, at);
    case COMMANDS.gat:
    case COMMANDS.gats: {
      const { bytes, lineEnd } = request;
      const time = skipSpaces(bytes, at, lineEnd);
      return time < lineEnd && readKey(request, nextSpace(bytes, time, lineEnd));
    }
    case COMMANDS.set:
    case COMMANDS.add:
    case COMMANDS.cas:
    case COMMANDS.append:
    case COMMANDS.prepend:
    case COMMANDS.replace:
      return readKey(request, at) && readLength(request) && readNoreply(request, 5);
    case COMMANDS.delete:
      return readKey(request, at) && readNoreply(request, 2);
    case COMMANDS.incr:
    case COMMANDS.decr:
    case COMMANDS.touch:
      return (
        readKey(request, at) &&
        skipSpaces(request.bytes, request.keyEnd, request.lineEnd) < request.lineEnd &&
        readNoreply(request, 3)
      );
    default:
      return true;
  }
}

function readKey(request: Request, at: number): boolean {
  const { bytes, lineEnd } = request;
  request.keyStart = skipSpaces(bytes, at, lineEnd);
  if (request.keyStart === lineEnd) return false;
  request.keyEnd = nextSpace(bytes, request.keyStart, lineEnd);
  request.hasMoreKeys = request.keyEnd < lineEnd;
  return true;
}

/** The first characters of the tokens from `at` on are the flags. */
function readFlags(request: Request, at: number): boolean {
  const { bytes, lineEnd } = request;
  for (let token = skipSpaces(bytes, at, lineEnd); token < lineEnd; ) {
    const bit = bytes[token]! - 65;
    if (bit < 0 || bit > 57) return false;
    if (bit < 32) request.flagsLow |= 1 << bit;
    else request.flagsHigh |= 1 << (bit - 32);
    token = skipSpaces(bytes, nextSpace(bytes, token, lineEnd), lineEnd);
  }
  if (request.hasFlag("q")) request.quiet = "meta";
  return true;
}

/** ms <key> <length> <flags>* */
function readMetaLength(request: Request): boolean {
  const { bytes, lineEnd } = request;
  const at = skipSpaces(bytes, request.keyEnd, lineEnd);
  return readValueLength(request, at) && readFlags(request, nextSpace(bytes, at, lineEnd));
}

/** set <key> <flags> <exptime> <length> */
function readLength(request: Request): boolean {
  const { bytes, lineEnd } = request;
  let at = request.keyEnd;
  for (let i = 0; i < 2; i += 1) at = nextSpace(bytes, skipSpaces(bytes, at, lineEnd), lineEnd);
  return readValueLength(request, skipSpaces(bytes, at, lineEnd));
}

/** Reads a number as strtol() does: digits end it, whatever follows. */
function readValueLength(request: Request, start: number): boolean {
  const { bytes, lineEnd } = request;
  let at = bytes[start] === 0x2b || bytes[start] === 0x2d ? start + 1 : start; // + and -
  const digits = at;
  let length = 0;
  while (at < lineEnd && bytes[at]! >= 0x30 && bytes[at]! <= 0x39 && length <= MAX_LENGTH) {
    length = length * 10 + bytes[at]! - 0x30;
    at += 1;
  }
  const isNegative = bytes[start] === 0x2d && length > 0;
  if (at === digits || isNegative || length > MAX_LENGTH) return false;
  request.valueLength = length + 2;
  return true;
}

/** Looks for `noreply` in the last token, which is at least the one with this index; memcached compares no further than 7 bytes. */
function readNoreply(request: Request, first: number): boolean {
  const { bytes, start, lineEnd } = request;
  let at = lineEnd;
  while (at > start && bytes[at - 1] === SPACE) at -= 1;
  const tokenEnd = at;
  while (at > start && bytes[at - 1] !== SPACE) at -= 1;
  if (tokenEnd - at < 7 || bytes[at] !== 0x6e || bytes[at + 6] !== 0x79) return true; // n…y
  if (text(bytes, at, at + 7) === "noreply" && countTokens(bytes, start, at) >= first) request.quiet = "noreply";
  return true;
}

function countTokens(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = skipSpaces(bytes, start, end); at < end; count += 1) {
    at = skipSpaces(bytes, nextSpace(bytes, at, end), end);
  }
  return count;
}

export function nextSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] !== SPACE) at += 1;
  return at;
}

export function skipSpaces(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end && bytes[at] === SPACE) at += 1;
  return at;
}

/** All command names by length, to compare few of them. */
const BY_LENGTH: (readonly [name: Uint8Array, command: Command])[][] = [];
for (const [name, command] of Object.entries(COMMANDS)) (BY_LENGTH[name.length] ??= []).push([latin1(name), command]);

function commandOf(bytes: Uint8Array, start: number, length: number): Command | undefined {
  const candidates = BY_LENGTH[length];
  if (candidates === undefined) return undefined;
  next: for (const [name, command] of candidates) {
    for (let i = 0; i < length; i += 1) if (bytes[start + i] !== name[i]) continue next;
    return command;
  }
  return undefined;
}

/** True if sending the request twice does what sending it once does. */
export function isRepeatable(request: Request): boolean {
  switch (request.command) {
    case COMMANDS.get:
    case COMMANDS.gets:
    case COMMANDS.gat:
    case COMMANDS.gats:
    case COMMANDS.me:
      return true;
    case COMMANDS.mg:
      // Vivifying and recaching give the first asker a token that the second does not get.
      return !request.hasFlag("N") && !request.hasFlag("R") && !request.hasFlag("E");
    default:
      return false;
  }
}
