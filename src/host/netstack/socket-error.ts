/** Errors of sockets on our stack, with Node's codes, and what the peer's reset said. */

import { describeReset, type ResetReason } from "../../tcp/diagnostics/reasons.ts";
import type { CloseReason } from "../../tcp/index.ts";
import { formatIpAddress } from "../../wire/ip-address.ts";

/** The codes that sockets of our stack have. */
export type SocketErrorCode =
  | CloseReason["code"]
  | "EADDRINUSE"
  | "EADDRNOTAVAIL"
  | "EINVAL"
  | "EMSGSIZE"
  | "EPIPE"
  | "ENETDOWN"
  | "EALREADY"
  | "EISCONN"
  | "ENOTCONN"
  | "ENOTFOUND";

const SENTENCES: Readonly<Record<SocketErrorCode, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset by the peer",
  ECONNABORTED: "connection aborted",
  ETIMEDOUT: "connection timed out",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  EPROTO: "the peer's TCP options are malformed",
  EADDRINUSE: "address in use",
  EADDRNOTAVAIL: "address not available",
  EINVAL: "invalid address or port",
  EMSGSIZE: "message too long",
  EPIPE: "the connection is closed for writing",
  ENETDOWN: "the device is gone",
  EALREADY: "the server is listening",
  EISCONN: "the socket is connected",
  ENOTCONN: "the socket is not connected",
  ENOTFOUND: "this host knows no such name; give createHost `hosts` or `lookup`",
};

/** The other end, as far as it is known. */
export interface ErrorPlace {
  readonly address?: Uint8Array;
  readonly name?: string;
  readonly port?: number;
}

/** An error of a socket, with Node's `code`, and the reason that the peer's reset gave. */
export class SocketError extends Error {
  override readonly name = "SocketError";
  readonly code: SocketErrorCode;
  readonly syscall: string;
  readonly address: string | undefined;
  readonly port: number | undefined;
  /** The name that was looked up. */
  readonly hostname: string | undefined;
  /** The reason that the peer gave for its reset (draft-ietf-tcpm-rst-diagnostic-payload). A claim, not a proof. */
  readonly resetReason: ResetReason | undefined;

  constructor(syscall: string, code: SocketErrorCode, place: ErrorPlace = {}, resetReason?: ResetReason) {
    const { name, port } = place;
    const address = place.address === undefined ? undefined : formatIpAddress(place.address);
    const host = address?.includes(":") ? `[${address}]` : (address ?? name);
    const where = host === undefined ? "" : ` ${host}${port === undefined ? "" : `:${port}`}`;
    const why = resetReason === undefined ? "" : `: ${describeReset(resetReason)}`;
    super(`${syscall} ${code}${where}: ${SENTENCES[code]}${why}`);
    this.code = code;
    this.syscall = syscall;
    this.address = address;
    this.port = port;
    this.hostname = name;
    this.resetReason = resetReason;
  }
}
