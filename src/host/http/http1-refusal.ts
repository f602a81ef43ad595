/** The answer to bytes that Node's HTTP/1.1 parser refuses, and the end of their connection (RFC 9112 §9.6). */
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { isToken } from "../../http/index.ts";
import { fromLatin1 } from "../../wire/text.ts";
import { type Fault, guard } from "../guard.ts";

/** How long a client may take to read the answer and close. */
const LINGER = 2_000;

/** Node's codes for what is wrong; all others are a 400. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** What Node says of bytes that it cannot parse. */
export interface ClientError extends Error {
  readonly code?: string;
  readonly rawPacket?: Uint8Array;
  /** Where in the packet the parser stopped. */
  readonly bytesParsed?: number;
}

function statusOf({ code = "", rawPacket, bytesParsed = 0 }: ClientError): number {
  // RFC 9110 §9.1: a method that only the parser does not know.
  if (code === "HPE_INVALID_METHOD" && rawPacket !== undefined && isMethodAt(rawPacket, bytesParsed)) return 501;
  return STATUS_OF_CODE[code] ?? 400;
}

function isMethodAt(packet: Uint8Array, at: number): boolean {
  const text = fromLatin1(packet);
  const start = text.lastIndexOf("\n", Math.max(at - 1, 0)) + 1;
  const [line = ""] = text.slice(start).split("\r\n", 1);
  const method = line.split(" ", 1)[0]!;
  return isToken(method) && method.length < line.length;
}

export class Http1Refusal {
  readonly #refused = new WeakSet<Duplex>();
  readonly #onFault: (fault: Fault) => void;

  constructor(onFault: (fault: Fault) => void) {
    this.#onFault = onFault;
  }

  /** `answered` says that a response is on its way, into which a status line would break. */
  handle(error: ClientError, socket: Duplex, answered: boolean): void {
    // The parser goes on reading, and refusing, until the client closes.
    if (this.#refused.has(socket)) return;
    this.#refused.add(socket);
    if (answered || !socket.writable) {
      socket.destroy();
      return;
    }
    const status = statusOf(error);
    const date = new Date().toUTCString();
    socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\nDate: ${date}\r\n\r\n`,
    );
    // RFC 9112 §9.6: a connection closed while the client still sends is reset, and the answer is lost with it.
    const linger = guard("http1 refusal linger", this.#onFault, () => socket.destroy());
    const deadline = setTimeout(linger, LINGER);
    socket.once(
      "close",
      guard("http1 refusal closed", this.#onFault, () => clearTimeout(deadline)),
    );
  }
}
