// What undici makes of a socket where HTTP/1.1 has other rules. It is given the socket with these four things mended.
import type { Socket } from "node:net";
import { guard } from "../guard.ts";

/** How an interim response starts, with zeros for the digits that may be others. */
const STATUS_LINE = "HTTP/1.0 100";
const DIGITS = /(?<=^HTTP\/1\.)[01]|(?<=^HTTP\/1\.[01] 1)\d|(?<=^HTTP\/1\.[01] 1\d)\d/g;
/** An interim response with a larger head is left to the parser to refuse. */
const MAX_INTERIM = 16 * 1024;

/** `ECONNRESET` while a response comes: undici takes a reset for the end of a response that has no length. */
export const RESPONSE_CUT = "RESPONSE_CUT";

export class Http1Socket {
  #expectsHead = false;
  #held: Buffer | undefined;
  readonly #onContinue: () => void;

  constructor(socket: Socket, onContinue: () => void) {
    this.#onContinue = onContinue;
    const read = socket.read;
    socket.read = (size?: number) => {
      const chunk = read.call(socket, size) as Buffer | null;
      return chunk === null || !this.#expectsHead ? chunk : this.#withoutContinue(chunk);
    };
    // RFC 9112 §8: a response without a length that a reset ends is incomplete.
    socket.prependListener(
      "error",
      guard("client h1 reset", () => socket.destroy(), nameReset),
    );
    keepReadingAfterWriteErrors(socket);
  }

  /** To be called when a request is about to be written: a response's head is what comes next. */
  expectHead(): void {
    this.#expectsHead = true;
  }

  /** RFC 9110 §15.2: a client takes any number of 1xx responses, expected or not; undici ends the connection at a 100. */
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
 * A server may answer an upload, a 413 say, and close before it has read it all (RFC 9112 §9.6). The write that then
 * fails would destroy the socket, and with it the answer that has arrived: so it stays open until the reads end.
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
