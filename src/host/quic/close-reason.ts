/** Describes why a connection ended, for people. */

import { errorName } from "../../base/errors.ts";
import { H3_ERRORS } from "../../h3/index.ts";
import { type CloseReason, TRANSPORT_ERRORS } from "../../quic/index.ts";
import { isReservedVersion } from "../../quic/versions/index.ts";
import { alertName } from "../../tls/index.ts";
import { printable } from "../../wire/printable.ts";
import { formatVarInt, type VarInt } from "../../wire/varint.ts";

export function describeClose(reason: CloseReason): string {
  switch (reason.type) {
    case "idle-timeout":
      return "the connection was idle for too long";
    case "unanswered":
      return "the peer stopped answering";
    case "handshake-timeout":
      return "the handshake timed out";
    case "stateless-reset":
      return "the peer has forgotten the connection (stateless reset)";
    case "version-negotiation": {
      // Reserved versions exist to be ignored (RFC 9000 §15).
      const known = reason.versions.filter((each) => !isReservedVersion(each));
      const versions = known.map((each) => `0x${each.toString(16)}`).join(", ");
      return `the peer only supports other QUIC versions: ${versions}`;
    }
    case "local":
    case "peer": {
      const who = reason.type === "local" ? "the connection was closed locally" : "the peer closed the connection";
      const phrase = reason.phrase === "" ? "" : `: ${printable(reason.phrase)}`;
      return `${who} with ${codeName(reason.layer, reason.code)}${phrase}`;
    }
  }
}

function codeName(layer: "transport" | "application", code: VarInt): string {
  if (typeof code !== "number") return formatVarInt(code);
  if (layer === "application") return errorName(H3_ERRORS, code) ?? formatVarInt(code);
  // RFC 9001 §4.8: 0x100 plus a TLS alert.
  if (code >= 0x100 && code <= 0x1ff) return `TLS alert ${alertName(code) ?? code - 0x100}`;
  return errorName(TRANSPORT_ERRORS, code) ?? formatVarInt(code);
}
