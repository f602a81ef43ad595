/** Why a connection ended, in qlog (draft-ietf-quic-qlog-quic-events §4.3). */

import type { CloseReason } from "../../quic/transport.ts";
import { applicationErrorOf, type NamedError, type QlogObject, transportErrorOf } from "./values.ts";

export function closedData(reason: CloseReason, isHttp3: boolean): QlogObject {
  switch (reason.type) {
    case "idle-timeout":
      return { trigger: "idle_timeout" };
    case "stateless-reset":
      return { initiator: "remote", trigger: "stateless_reset" };
    case "unanswered":
      return { initiator: "local", trigger: "aborted", reason: "the peer did not answer a last probe" };
    case "handshake-timeout":
      return { initiator: "local", trigger: "aborted", reason: "the handshake took too long" };
    case "version-negotiation":
      return { initiator: "remote", trigger: "version_mismatch" };
    case "local":
    case "peer": {
      const initiator = reason.type === "local" ? "local" : "remote";
      const isTransport = reason.layer === "transport";
      const named: NamedError = isTransport ? transportErrorOf(reason.code) : applicationErrorOf(reason.code, isHttp3);
      const { error, ...code } = named;
      const isAborted = isTransport && reason.code === 0;
      return {
        initiator,
        ...(isTransport ? { connection_error: error } : { application_error: error }),
        ...code,
        reason: reason.phrase,
        trigger: isAborted ? "aborted" : isTransport ? "error" : "application",
      };
    }
  }
}
