/** Limits the requests of a route: how many each client may send, and how many may be in progress. */

import type { ServerExchange } from "../../host/http/exchange.ts";
import type { Limits } from "../operations/limits/limits.ts";
import type { TrustedProxies } from "../trusted-proxies.ts";

/** True if a limit refuses the request; it has then been answered. Otherwise it counts until it ends. */
export function refuseAboveLimit(exchange: ServerExchange, limits: Limits, proxies: TrustedProxies): boolean {
  const refusal = limits.begin(exchange.clientAddress ?? proxies.clientOf(exchange).address);
  if (refusal !== undefined) {
    exchange.refusal = refusal.reason;
    // RFC 6585 §4, RFC 9110 §15.6.4.
    exchange.respond(refusal.status, [["retry-after", String(refusal.retryAfter)]], { endStream: true });
    return true;
  }
  const { onClose } = exchange;
  exchange.onClose = () => {
    limits.end();
    onClose?.();
  };
  return false;
}
