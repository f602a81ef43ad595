/** Where the clients of a route are: what their hints say, beside the feed for their addresses. */

import type { ExchangeClient } from "../../host/http/exchange.ts";
import {
  emitGeoField,
  type FieldSection,
  GEO_FIELD,
  type Geofeed,
  type JudgedLocation,
  judgeGeoHint,
  readGeoHint,
} from "../../http/index.ts";
import { parseIpAddress } from "../../wire/ip-address.ts";
import type { TrustedProxies } from "../trusted-proxies.ts";

export class ClientLocations {
  readonly #feed: Geofeed | undefined;
  readonly #proxies: TrustedProxies;
  readonly #log: (line: string) => void;
  #mismatches = 0;
  #nextReport = 1;

  /** `log` hears when hints contradict the feed, each time that there are ten times as many. */
  constructor(feed: Geofeed | undefined, proxies: TrustedProxies, log: (line: string) => void) {
    this.#feed = feed;
    this.#proxies = proxies;
    this.#log = log;
  }

  judge(exchange: ExchangeClient): JudgedLocation {
    const address = parseIpAddress(exchange.clientAddress ?? this.#proxies.clientOf(exchange).address);
    const entry = address === undefined ? undefined : this.#feed?.locate(address);
    const judged = judgeGeoHint(readGeoHint(exchange.fields), entry);
    if (judged.verdict === "mismatch") this.#countMismatch();
    return judged;
  }

  /** The fields of a request for an action: with the location, and without what the client said in its place. */
  fieldsFor(exchange: ExchangeClient): FieldSection {
    const others = exchange.fields.filter(([name]) => name !== GEO_FIELD);
    return [...others, [GEO_FIELD, emitGeoField(this.judge(exchange))]];
  }

  /** draft-pauly-httpbis-geoip-hint §4: a contradiction is a reason to fetch the feed again, and for nothing else. */
  #countMismatch(): void {
    this.#mismatches += 1;
    if (this.#mismatches < this.#nextReport) return;
    this.#nextReport *= 10;
    this.#log(`nagare: ${this.#mismatches} hints contradict the geofeed: it may be old; fetch it again`);
  }
}
