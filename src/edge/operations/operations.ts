/** The operations of a running server: wraps its service, so that everything about each request is noted once. */

import type { ServerExchange } from "../../host/http/exchange.ts";
import { AddressSet } from "../../host/listen/address-set.ts";
import type { Service } from "../running-server.ts";
import { AccessLog } from "./access-log/access-log.ts";
import { clientAddress } from "./addresses/client-address.ts";
import { RequestIds } from "./identification/request-id.ts";
import { TraceContexts } from "./identification/traceparent.ts";
import { type Identification, ObservedExchange } from "./observed-exchange.ts";
import type { OperationsOptions } from "./options.ts";

export class Operations {
  readonly #accessLogs: readonly AccessLog[];
  readonly #proxies: AddressSet;
  readonly #ids: RequestIds | undefined;
  readonly #traces: TraceContexts | undefined;

  private constructor(options: OperationsOptions, accessLogs: readonly AccessLog[]) {
    const { requestId = accessLogs.length > 0, traceContext = false } = options;
    this.#accessLogs = accessLogs;
    this.#proxies = new AddressSet("trustedProxies", options.trustedProxies ?? []);
    this.#ids = requestId === false ? undefined : new RequestIds(requestId === true ? {} : requestId);
    this.#traces = traceContext === false ? undefined : new TraceContexts(traceContext === true ? {} : traceContext);
  }

  /** Rejects with a `ServeError` for an option that cannot be used. */
  static async open(options: OperationsOptions, log: (line: string) => void): Promise<Operations> {
    const { accessLog } = options;
    const wanted = accessLog === undefined ? [] : [accessLog].flat();
    return new Operations(options, await Promise.all(wanted.map((each) => AccessLog.open(each, log))));
  }

  /** The same service, with its requests noted. */
  wrap(service: Service): Service {
    return {
      acceptsTunnels: service.acceptsTunnels === true,
      handle: (exchange) => service.handle(this.#observe(exchange)),
      settled: async () => service.settled?.(),
      reload: async () => {
        await Promise.all([...this.#accessLogs.map((each) => each.reopen()), service.reload?.()]);
      },
      close: async () => {
        await service.close?.();
        await this.close();
      },
    };
  }

  /** Call if the server did not start; otherwise the service does. */
  async close(): Promise<void> {
    await Promise.all(this.#accessLogs.map((each) => each.close()));
  }

  #observe(exchange: ServerExchange): ObservedExchange {
    const observed = new ObservedExchange(
      exchange,
      clientAddress(exchange, this.#proxies),
      this.#identify(exchange, this.#proxies.has(exchange.remoteAddress.address)),
    );
    observed.onClose = () => {
      for (const each of this.#accessLogs) each.note(observed);
    };
    return observed;
  }

  #identify({ fields }: ServerExchange, isTrusted: boolean): Identification | undefined {
    if (this.#ids === undefined && this.#traces === undefined) return undefined;
    return { request: this.#ids?.of(fields, isTrusted), trace: this.#traces?.of(fields, isTrusted) };
  }
}
