/** Records the outcome of each request, for logs. */
import type { HttpVersion } from "../host/http/exchange.ts";
import type { Service } from "./server.ts";

export interface RequestRecord {
  readonly protocol: HttpVersion;
  /** That of the client, if trusted proxies in front of the server say so. */
  readonly remoteAddress: string;
  readonly method: string;
  readonly authority: string;
  readonly path: string;
  /** Undefined if there was no response. */
  readonly status: number | undefined;
  /** True if the client or the server aborted the exchange. */
  readonly aborted: boolean;
  readonly milliseconds: number;
}

/** Wraps a service so that it reports each request when it has ended. */
export function withRequestLog(service: Service, report: (record: RequestRecord) => void): Service {
  return {
    ...(service.acceptsTunnels === undefined ? {} : { acceptsTunnels: service.acceptsTunnels }),
    ...(service.settled === undefined ? {} : { settled: () => service.settled!() }),
    ...(service.close === undefined ? {} : { close: () => service.close!() }),
    handle: (exchange) => {
      const start = performance.now();
      exchange.onClose = () => {
        const { protocol, clientAddress, remoteAddress, method, authority, path, status, aborted } = exchange;
        report({
          protocol,
          remoteAddress: (clientAddress ?? remoteAddress).address,
          method,
          authority,
          path,
          status,
          aborted: aborted !== undefined,
          milliseconds: Math.round((performance.now() - start) * 1000) / 1000,
        });
      };
      service.handle(exchange);
    },
  };
}
