import { ProtocolError } from "../base/errors.ts";
import { alertError } from "./alerts.ts";

/** An exception from the host is this side's fault, not the peer's, and ends only this handshake. */
export function callHost<T>(what: string, act: () => T, side: "client" | "server" = "server"): T {
  try {
    return act();
  } catch (cause) {
    if (cause instanceof ProtocolError) throw cause;
    throw alertError("internal_error", side, `${what} failed`, { cause });
  }
}
