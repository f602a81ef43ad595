/** What a server says of HTTP/3 in `alt-svc` (RFC 7838), and how it takes that back. */
import { ServeError } from "./errors.ts";

export interface AltSvcOptions {
  /** Seconds that clients may remember HTTP/3. 3600 by default: a day is long for one who wants to go back. */
  readonly maxAge?: number;
  /** The UDP port that clients reach, where a mapping changes it. The port that the server listens on by default. */
  readonly port?: number;
  /** False says nothing of HTTP/3. */
  readonly advertise?: boolean;
  /** Tells clients to forget HTTP/3 (RFC 7838 §3), with or without it being served. */
  readonly clear?: boolean;
}

const DEFAULT_MAX_AGE = 3600;

/** Throws a `ServeError`, before anything listens. */
export function checkAltSvc({ maxAge = DEFAULT_MAX_AGE, port }: AltSvcOptions): void {
  if (!Number.isInteger(maxAge) || maxAge < 0) {
    throw new ServeError("OPTION_INVALID", `altSvc.maxAge ${maxAge} is no time: give whole seconds`);
  }
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port <= 65_535)) {
    throw new ServeError("OPTION_INVALID", `altSvc.port ${port} is no port: give a number from 1 to 65535`);
  }
}

/** The field's value, or undefined for none. `listening` is the UDP port, if there is one. */
export function altSvcField(options: AltSvcOptions, listening: number | undefined): string | undefined {
  const { maxAge = DEFAULT_MAX_AGE, port = listening } = options;
  if (options.clear) return "clear";
  if (options.advertise === false || listening === undefined) return undefined;
  return `h3=":${port}"; ma=${maxAge}`;
}
