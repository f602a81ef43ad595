/** Answers requests that Node's HTTP/1.1 parser refuses, and closes their connection (RFC 9112 §9.6). */
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { isToken } from "../../http/index.ts";
import { fromLatin1 } from "../../wire/text.ts";
import { type Fault, guard } from "../guard.ts";
import type { Http1Response } from "./http1-response.ts";

/** How long a client may take to read the answer and close, in milliseconds. */
const LINGER = 2_000;

/** Statuses for Node's error codes; all others are 400. */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
};

/** Node's error about bytes that it cannot parse. */
export interface ClientError extends Error {
  readonly code?: string;
  readonly rawPacket?: Uint8Array;
  /** Where in the packet the parser stopped. */
  readonly bytesParsed?: number;
}

function statusOf({ code = "", rawPacket, bytesParsed = 0 }: ClientError): number {
  // RFC 9110 §9.1: a valid method that the parser does not know.
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
  readonly #isLikeNode: boolean;

  constructor(onFault: (fault: Fault) => void, isLikeNode: boolean) {
    this.#onFault = onFault;
    this.#isLikeNode = isLikeNode;
  }

  /** Call if a request of this connection was already refused. */
  note(socket: Duplex): void {
    this.#refused.add(socket);
  }

  /** `answered` is true if a response has begun, which a status line would corrupt. */
  handle(error: ClientError, socket: Duplex, answered: boolean): void {
    // The parser continues to read and refuse until the client closes.
    if (this.#refused.has(socket)) return;
    this.#refused.add(socket);
    if (answered || !socket.writable) {
      socket.destroy();
      return;
    }
    const status = this.#isLikeNode ? (STATUS_OF_CODE[error.code ?? ""] ?? 400) : statusOf(error);
    const lines = this.#isLikeNode ? "" : `Content-Length: 0\r\nDate: ${new Date().toUTCString()}\r\n`;
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\n${lines}\r\n`);
    // RFC 9112 §9.6: closing while the client is still sending would reset the connection and lose the answer.
    const linger = guard("http1 refusal linger", this.#onFault, () => socket.destroy());
    const deadline = setTimeout(linger, LINGER);
    socket.once(
      "close",
      guard("http1 refusal closed", this.#onFault, () => clearTimeout(deadline)),
    );
  }
}

/** Answers a request that Node's parser accepts. */
export function refuseHttp1(response: Http1Response, status: number): void {
  response.writeHead(status).end();
}
