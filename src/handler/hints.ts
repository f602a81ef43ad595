/** Client hints and locations for handlers (RFC 8942, draft-pauly-httpbis-geoip-hint). */

import {
  emitHints,
  type FieldLine,
  GEO_FIELD,
  GEO_HINT,
  type GeoLocation,
  type JudgedLocation,
  readGeoField,
  readGeoHint,
} from "../http/index.ts";
import { addFields, type FieldSource, type FieldTarget, linesOf } from "./message.ts";

/** What of hints to ask for. */
export interface AskHintsOptions {
  /** Those of the hints without which this response would be wrong: clients that can send them repeat their request. */
  readonly critical?: readonly string[] | undefined;
}

/**
 * Asks for hints, such as "Sec-CH-IP-Geo", with the next requests: adds Accept-CH, Critical-CH and Vary to a response, and returns it.
 * Throws a SerializeError for a name that is not a token.
 */
export function askHints<Target extends FieldTarget>(
  target: Target,
  hints: readonly string[],
  { critical = [] }: AskHintsOptions = {},
): Target {
  const asked = [...new Set([...hints, ...critical])];
  const lines: FieldLine[] = [["accept-ch", emitHints(asked)]];
  if (critical.length > 0) lines.push(["critical-ch", emitHints(critical)]);
  for (const name of asked) lines.push(["vary", name.toLowerCase()]);
  addFields(target, lines, new Set());
  return target;
}

/** The location that a request's Sec-CH-IP-Geo says, whether true or not; undefined without a usable hint. */
export const geoHintOf = (request: FieldSource): GeoLocation | undefined =>
  readGeoHint(linesOf(request, [GEO_HINT.toLowerCase()]));

/**
 * Where the client is, as the route's `geo` has found; undefined on a route without it. For content such as a currency or a language;
 * never to allow or refuse anything, since nobody has authenticated it.
 */
export const clientLocationOf = (request: FieldSource): JudgedLocation | undefined =>
  readGeoField(linesOf(request, [GEO_FIELD]));
