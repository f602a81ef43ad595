/** Undocumented members of ServerResponse that Node's own server uses. */
import type { OutgoingHttpHeader, ServerResponse } from "node:http";
import type { FieldLine } from "../../http/index.ts";
import type { HttpVersion } from "../http/exchange.ts";
import type { Incoming } from "./incoming.ts";
import type { StreamSocket } from "./stream-socket.ts";

export type Value = OutgoingHttpHeader | undefined;

/** The shapes that `writeHead` accepts: an object, a flat array, or an array of pairs. */
export type GivenHeaders = Readonly<Record<string, Value>> | readonly Value[] | undefined | null;

export type WriteCallback = ((error?: Error | null) => void) | null | undefined;

/** A response with the undocumented members. */
export interface Outgoing extends Omit<ServerResponse<Incoming>, "socket"> {
  socket: StreamSocket | null;
  destroyed: boolean;
  finished: boolean;
  _closed: boolean;
  _header: string | null;
  _hasBody: boolean;
  _contentLength: number | null;
  _removedContLen: boolean;
  _removedConnection: boolean;
  _removedTE: boolean;
  _expect_continue: boolean;
  _trailer: string;
  _keepAliveTimeout: number;
  _flush(): void;
  _finish(): void;
  _send(data: string | Uint8Array, encoding?: BufferEncoding | null, callback?: WriteCallback): boolean;
  _writeRaw(data: string, encoding: BufferEncoding, callback?: WriteCallback): boolean;
  _storeHeader(firstLine: string, headers: GivenHeaders): void;
  _flushOutput(): boolean;
}

/** Parses field lines that Node has formatted. RFC 9113 §8.2: names are in lower case, except in HTTP/1.1. */
export function splitLines(text: string, protocol: HttpVersion): FieldLine[] {
  const lines = text.split("\r\n").filter((line) => line !== "");
  return lines.map((line) => {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon);
    return [protocol === "http/1.1" ? name : name.toLowerCase(), line.slice(colon + 1).trim()];
  });
}
