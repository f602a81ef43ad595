/** A request that the proxy refuses, with its status and Proxy-Status (RFC 9209). */

import { PROXY_ERRORS, type ProxyErrorType, proxyStatus } from "../../http/connect-udp/index.ts";
import type { FieldLine } from "../../http/index.ts";

export class UdpRefusal extends Error {
  override readonly name = "UdpRefusal";
  readonly status: number;
  readonly fields: readonly FieldLine[];

  /** `status` overrides the one that RFC 9209 recommends. */
  constructor(type: ProxyErrorType, details: string, { rcode, status }: { rcode?: string; status?: number } = {}) {
    super(details);
    this.status = status ?? PROXY_ERRORS[type];
    this.fields = [["proxy-status", proxyStatus("nagare", type, { details, rcode })]];
  }
}
