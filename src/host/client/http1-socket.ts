// Corrects how undici uses a socket where HTTP/1.1 requires otherwise: interim responses, resets, early answers, and
// trailers, which undici does not send.
import type { Socket } from "node:net";
import { guard } from "../guard.ts";
import type { Field } from "./session.ts";

/** The start of an interim response, with zeros for digits that may vary. */
const STATUS_LINE = "HTTP/1.0 100";
const DIGITS = /(?<=^HTTP\/1\.)[01]|(?<=^HTTP\/1\.[01] 1)\d|(?<=^HTTP\/1\.[01] 1\d)\d/g;
/** The parser refuses an interim response with a larger head. */
const MAX_INTERIM = 16 * 1024;

/** What undici writes after the last chunk (RFC 9112 §7.1). Content is written as bytes, never as text. */
const LAST_CHUNK = "\r\n0\r\n\r\n";

/** Replaces ECONNRESET: undici takes a reset for the end of a response without a length. */
export const RESPONSE_CUT = "RESPONSE_CUT";

export class Http1Socket {
  #expectsHead = false;
  #held: Buffer | undefined;
  #trailers: readonly Field[] = [];
  readonly #onContinue: () => void;

  constructor(socket: Socket, onContinue: () => void) {
    this.#onContinue = onContinue;
    const read = socket.read;
    socket.read = (size?: number) => {
      const chunk = read.call(socket, size) as Buffer | null;
      return chunk === null || !this.#expectsHead ? chunk : this.#withoutContinue(chunk);
    };
    // RFC 9112 §8: a response without a length is incomplete if a reset ends it.
    socket.prependListener(
      "error",
      guard("client h1 reset", () => socket.destroy(), nameReset),
    );
    keepReadingAfterWriteErrors(socket);
    const write = socket.write as (data: string | Uint8Array, ...rest: unknown[]) => boolean;
    socket.write = ((data: string | Uint8Array, ...rest: unknown[]) =>
      write.call(socket, data === LAST_CHUNK ? this.#lastChunk() : data, ...rest)) as typeof socket.write;
  }

  /** Call before the end of chunked content. */
  endWith(trailers: readonly Field[]): void {
    this.#trailers = trailers;
  }

  #lastChunk(): string {
    const lines = this.#trailers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
    this.#trailers = [];
    return `\r\n0\r\n${lines}\r\n`;
  }

  /** Call before a request is written: a response head is expected next. */
  expectHead(): void {
    this.#expectsHead = true;
    this.#trailers = [];
  }

  /** RFC 9110 §15.2: a client must accept any number of 1xx responses; undici ends the connection at a 100. */
  #withoutContinue(chunk: Buffer): Buffer | null {
    const bytes = this.#held === undefined ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = undefined;
    const kept: Buffer[] = [];
    let start = 0;
    while (start < bytes.length) {
      const line = bytes.toString("latin1", start, start + STATUS_LINE.length);
      const isInterim = STATUS_LINE.startsWith(line.replace(DIGITS, "0")) && !line.endsWith(" 101");
      const end = isInterim ? endOfHead(bytes, start) : -1;
      if (end === -1 && isInterim && bytes.length - start <= MAX_INTERIM) {
        this.#held = bytes.subarray(start);
        break;
      }
      if (end === -1) {
        this.#expectsHead = false;
        kept.push(bytes.subarray(start));
        break;
      }
      if (line.endsWith(" 100")) this.#onContinue();
      else kept.push(bytes.subarray(start, end));
      start = end;
    }
    return kept.length === 0 ? null : kept.length === 1 ? kept[0]! : Buffer.concat(kept);
  }
}

function endOfHead(bytes: Buffer, start: number): number {
  const end = bytes.indexOf("\r\n\r\n", start, "latin1");
  return end === -1 ? -1 : end + 4;
}

function nameReset(error: NodeJS.ErrnoException): void {
  if (error.code === "ECONNRESET") error.code = RESPONSE_CUT;
}

type Written = (error?: Error | null) => void;

/**
 * A server may answer an upload early, with a 413 say, and close before reading all of it (RFC 9112 §9.6). The failing
 * write would destroy the socket and lose the response that has arrived, so keep the socket open until reading ends.
 */
function keepReadingAfterWriteErrors(socket: Socket): void {
  const { _write: write, _writev: writev } = socket;
  const unlessGone =
    (done: Written): Written =>
    (error) => {
      const { code } = (error ?? {}) as NodeJS.ErrnoException;
      if ((code === "EPIPE" || code === "ECONNRESET") && !socket.destroyed && !socket.readableEnded) return;
      done(error);
    };
  socket._write = (chunk, encoding, done) => write.call(socket, chunk, encoding, unlessGone(done));
  if (writev !== undefined) socket._writev = (chunks, done) => writev.call(socket, chunks, unlessGone(done));
}
