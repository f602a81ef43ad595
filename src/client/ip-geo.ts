// The option `ipGeo`: what a geofeed says of the address by which this machine leaves its network, as Sec-CH-IP-Geo
// (draft-pauly-httpbis-geoip-hint-02 §3).
import type { LocalSource } from "../host/client/local-source.ts";
import { ownPublicAddresses } from "../host/client/routes.ts";
import { emitGeoHint, type Geofeed, GeofeedReader, type GeoLocation } from "../http/index.ts";

/** What `ipGeo` may have. Bytes. */
const MAX_TEXT = 1 << 20;

/**
 * The hint's value, as a function, since addresses change. `isElsewhere` is true if a proxy's address counts, not one of this machine.
 * Throws a `TypeError` if the text has no valid entry, or an invalid one.
 */
export function geoHintFrom(
  text: string,
  isElsewhere: boolean,
  local: LocalSource | undefined,
  ownAddresses: () => readonly string[] = ownPublicAddresses,
): () => string | undefined {
  if (text.length > MAX_TEXT) throw new TypeError("ipGeo is too long: give the entries of this machine's addresses");
  const reader = new GeofeedReader();
  reader.write(new TextEncoder().encode(text));
  const feed = reader.end();
  const { entries, errors, findings } = feed.summary;
  const wrong = findings.find(({ severity }) => severity === "error");
  if (errors > 0 && wrong !== undefined) throw new TypeError(`ipGeo line ${wrong.line}: ${wrong.message}`);
  if (entries === 0) throw new TypeError('ipGeo has no entry of a geofeed, such as "192.0.2.0/24,US,US-AL,Alabaster,"');
  const only = entries === 1 ? onlyLocation(feed, text) : undefined;
  return () => {
    const from =
      local === undefined ? undefined : [local.address(4), local.address(6)].filter((each) => each !== undefined);
    const addresses = isElsewhere ? [] : ownAddresses().filter((each) => from === undefined || from.includes(each));
    const location = locationFor(feed, addresses, only);
    return location === undefined ? undefined : emitGeoHint(location);
  };
}

/** A machine with public addresses can tell whether the feed is about them; behind NAT, one entry must be about the network's. */
function locationFor(
  feed: Geofeed,
  addresses: readonly string[],
  only: GeoLocation | undefined,
): GeoLocation | undefined {
  for (const each of addresses) {
    const entry = feed.lookup(each);
    if (entry !== undefined) return entry.location;
  }
  return addresses.length === 0 ? only : undefined;
}

/** The location of a feed's one entry. */
function onlyLocation(feed: Geofeed, text: string): GeoLocation | undefined {
  for (const line of text.split("\n")) {
    const address = line.split(",")[0]!.replaceAll('"', "").replace(/\/.*$/, "").trim();
    const entry = feed.lookup(address);
    if (entry !== undefined) return entry.location;
  }
  return undefined;
}
