/** Undocumented members of ServerResponse that Node's own server uses. */
import type { OutgoingHttpHeader, ServerResponse } from "node:http";
import type { Incoming } from "./incoming.ts";

export type Value = OutgoingHttpHeader | undefined;

/** The shapes that `writeHead` accepts: an object, a flat array, or an array of pairs. */
export type GivenHeaders = Readonly<Record<string, Value>> | readonly Value[] | undefined | null;

export type WriteCallback = ((error?: Error | null) => void) | null | undefined;

/** A response with the undocumented members. */
export interface Outgoing extends ServerResponse<Incoming> {
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
  getRawHeaderNames(): string[];
}

/** Parses a field line that Node has formatted. */
export function splitLine(line: string): [name: string, value: string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}
