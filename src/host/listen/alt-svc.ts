/** How a server advertises HTTP/3 in `alt-svc` (RFC 7838), and withdraws it. */
import { ServeError } from "./errors.ts";

export interface AltSvcOptions {
  /** Seconds that clients may remember HTTP/3. Default: 3600. A day would be too long to turn HTTP/3 off again. */
  readonly maxAge?: number;
  /** The UDP port for clients, if a port mapping changes it. Default: the port that the server listens on. */
  readonly port?: number;
  /** False to advertise nothing. */
  readonly advertise?: boolean;
  /** True to make clients forget HTTP/3 (RFC 7838 §3), whether or not it is served. */
  readonly clear?: boolean;
}

const DEFAULT_MAX_AGE = 3600;

/** Validates the options before the server listens. Throws a `ServeError`. */
export function checkAltSvc({ maxAge = DEFAULT_MAX_AGE, port }: AltSvcOptions): void {
  if (!Number.isInteger(maxAge) || maxAge < 0) {
    throw new ServeError(
      "OPTION_INVALID",
      `altSvc.maxAge ${maxAge} is not a valid time: give a whole number of seconds`,
    );
  }
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port <= 65_535)) {
    throw new ServeError("OPTION_INVALID", `altSvc.port ${port} is not a valid port: give a number from 1 to 65535`);
  }
}

/** Returns the field's value; undefined if there is none. `listening` is the UDP port, if any. */
export function altSvcField(options: AltSvcOptions, listening: number | undefined): string | undefined {
  const { maxAge = DEFAULT_MAX_AGE, port = listening } = options;
  if (options.clear) return "clear";
  if (options.advertise === false || listening === undefined) return undefined;
  return `h3=":${port}"; ma=${maxAge}`;
}
