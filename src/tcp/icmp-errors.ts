/** What ICMP errors do to a connection (RFC 9293 §3.9.2.2), with the checks of RFC 5927. */

import type { Instant } from "../base/time.ts";
import type { IcmpErrorKind } from "../ip/index.ts";
import type { TcpConnection } from "./connection.ts";
import { positionOf } from "./sequence.ts";

/** Returns true if the quoted sequence number is of something in flight, so that the error may be honest. */
export function applyIcmpError(
  connection: TcpConnection,
  kind: IcmpErrorKind,
  sequence: number,
  now: Instant,
): boolean {
  const { sender } = connection;
  const position = positionOf(connection.initial, sequence, sender.una);
  // RFC 5927 §4.1.
  if (position < sender.una || position > sender.next) return false;
  switch (kind) {
    case "protocol-unreachable":
    case "port-unreachable":
      // SHLD-26.
      connection.close({ code: "ECONNREFUSED" }, now);
      return true;
    case "packet-too-big":
      // What was too big is lost; the endpoint shrinks the MSS.
      sender.onPacketTooBig(position, now);
      return true;
    default:
      // MUST-56: no reason to abort; MUST-47: the application is told.
      connection.softError = kind;
      connection.owner.notify(connection, "soft-error");
      return true;
  }
}
