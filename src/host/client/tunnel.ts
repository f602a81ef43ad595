// Which requests are for tunnels, and which responses open them (RFC 9110 §7.8, §9.3.6).
import type { ClientRequestHead } from "./session.ts";

/** True if the request is for a tunnel, whose authority is its target if it is a plain CONNECT (RFC 9110 §9.3.6). */
export function isForTunnel({ method, protocol }: Pick<ClientRequestHead, "method" | "protocol">): boolean {
  return protocol !== undefined || method === "CONNECT";
}

/** True if a response to a request for a tunnel opens it. */
export function opensTunnel(status: number): boolean {
  return status === 101 || (status >= 200 && status < 300);
}
