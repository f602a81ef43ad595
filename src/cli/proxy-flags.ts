// Flags of commands that go through a UDP proxy.
import type { Protocol } from "../host/client/session.ts";
import { usageError } from "./fail.ts";

/** Fields as "name: value". Throws a usage error that names the option. */
export function headersFrom(lines: readonly string[], option: string): Headers {
  const headers = new Headers();
  for (const line of lines) {
    const colon = line.indexOf(":");
    try {
      if (colon < 1) throw new TypeError("there is no name");
      headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
    } catch {
      throw usageError(`${option} ${JSON.stringify(line)} is not a header field`, 'give one such as "name: value"');
    }
  }
  return headers;
}

/** The versions of HTTP to the proxy. */
export function protocolChoice(
  http1: true | undefined,
  http2: true | undefined,
  http3Only: true | undefined,
): readonly Protocol[] {
  if (http1) return ["http/1.1"];
  if (http2) return ["h2"];
  return http3Only ? ["h3"] : ["h3", "h2", "http/1.1"];
}
