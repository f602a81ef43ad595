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
  | "ENETDOWN";

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
};

export interface Endpoint {
  readonly address: Uint8Array;
  readonly port: number;
}

export class SocketError extends Error {
  override readonly name = "SocketError";
  readonly code: SocketErrorCode;
  readonly syscall: string;
  readonly address: string | undefined;
  readonly port: number | undefined;
  /** The reason that the peer gave for its reset (draft-ietf-tcpm-rst-diagnostic-payload). A claim, not a proof. */
  readonly resetReason: ResetReason | undefined;

  constructor(syscall: string, code: SocketErrorCode, at?: Endpoint, resetReason?: ResetReason) {
    const address = at === undefined ? undefined : formatIpAddress(at.address);
    const where = at === undefined ? "" : ` ${address!.includes(":") ? `[${address}]` : address}:${at.port}`;
    const why = resetReason === undefined ? "" : `: ${describeReset(resetReason)}`;
    super(`${syscall} ${code}${where}: ${SENTENCES[code]}${why}`);
    this.code = code;
    this.syscall = syscall;
    this.address = address;
    this.port = at?.port;
    this.resetReason = resetReason;
  }
}
