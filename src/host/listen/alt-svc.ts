/** How a server advertises HTTP/3 in `alt-svc` (RFC 7838), and how it withdraws that. */
import type { BoundAddress } from "../http/listener.ts";
import { isHttp3Disabled } from "../http3-switch.ts";
import { ServeError } from "./errors.ts";

/** How HTTP/3 is advertised to clients (RFC 7838). */
export interface AltSvcOptions {
  /** Seconds that clients may remember HTTP/3. The default, 3600, lets an operator go back within an hour. */
  readonly maxAge?: number | undefined;
  /** The UDP port that clients connect to, if a port mapping changes it. By default, the port of the server. */
  readonly port?: number | undefined;
  /** True, the default, advertises HTTP/3. */
  readonly advertise?: boolean | undefined;
  /** Tells clients to forget HTTP/3 (RFC 7838 §3), even if it is served. */
  readonly clear?: boolean | undefined;
}

const DEFAULT_MAX_AGE = 3600;

/** Validates the options before the server listens. Throws a `ServeError`. */
export function checkAltSvc({ maxAge = DEFAULT_MAX_AGE, port }: AltSvcOptions): void {
  if (!Number.isInteger(maxAge) || maxAge < 0) {
    throw new ServeError("OPTION_INVALID", `altSvc.maxAge ${maxAge} is not a duration: give whole seconds`);
  }
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port <= 65_535)) {
    throw new ServeError("OPTION_INVALID", `altSvc.port ${port} is not a port: give a number from 1 to 65535`);
  }
}

/** Returns the value of the field, or undefined if it is not sent. `listening` is the UDP port, if there is one. */
export function altSvcField(options: AltSvcOptions, listening: number | undefined): string | undefined {
  const { maxAge = DEFAULT_MAX_AGE, port = listening } = options;
  if (options.clear) return "clear";
  if (options.advertise === false || listening === undefined) return undefined;
  return `h3=":${port}"; ma=${maxAge}`;
}

/** The same for a server on these addresses, unless the operator has disabled HTTP/3. */
export function advertisedAltSvc(
  options: AltSvcOptions | undefined,
  addresses: readonly BoundAddress[],
): string | undefined {
  const udp = addresses.find(({ transport }) => transport === "udp");
  return altSvcField(isHttp3Disabled() ? { ...options, clear: true } : (options ?? {}), udp?.port);
}
