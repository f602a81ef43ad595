/** A service whose requests are handed back when the server closes (draft-frindell-httpbis-partial-post-replay-00). */

import { describeFault, type Fault } from "../../host/guard.ts";
import type { ServerExchange } from "../../host/http/exchange.ts";
import { AddressSet } from "../../host/listen/address-set.ts";
import type { Service } from "../running-server.ts";
import { checkReplayStatus, type HandBackOptions } from "./options.ts";
import { ReplayableExchange } from "./replayable-exchange.ts";

/** Wraps a service. Throws a `ServeError` for options that cannot be used. */
export function handingBack(service: Service, options: HandBackOptions, log: (line: string) => void): Service {
  const trusted = new AddressSet("handBack.trusted", options.trusted);
  const status = checkReplayStatus("handBack.status", options.status);
  const pending = new Set<ReplayableExchange>();
  let isDraining = false;
  const onFault = (fault: Fault): void => log(describeFault(fault));

  const handle = (exchange: ServerExchange): void => {
    const { address } = exchange.firstAddress ?? exchange.remoteAddress;
    // Section 3: only a request with content, and only to a proxy that is known to understand it.
    if (exchange.tunnelOffer !== undefined || exchange.body.state !== "open" || !trusted.has(address)) {
      service.handle(exchange);
      return;
    }
    const replayable = new ReplayableExchange(exchange, { ...options, onFault }, (settled) => pending.delete(settled));
    pending.add(replayable);
    if (isDraining) replayable.handBack(status);
    else service.handle(replayable);
  };

  return {
    acceptsTunnels: service.acceptsTunnels === true,
    handle,
    settled: async () => service.settled?.(),
    status: () => service.status?.() ?? {},
    reopen: async () => service.reopen?.(),
    drain: () => {
      isDraining = true;
      service.drain?.();
      for (const replayable of [...pending]) replayable.handBack(status);
    },
    close: async () => service.close?.(),
  };
}
