// Prices in a currency that the client's address suggests: the client's hint is used as far as a geofeed confirms it. Nothing is allowed
// or refused by it, since nobody has authenticated it.
// Run it: npm run examples -- geo
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { serve } from "nagare";
import { askHints, Geofeed, geoHintOf, judgeGeoHint } from "nagare/http";

const CURRENCIES: Readonly<Record<string, string>> = { JP: "JPY", US: "USD" };

const feed = Geofeed.parse(await readFile(join(process.cwd(), "examples/geo/geofeed.csv")));

export const server = await serve({ port: Number(process.env.PORT ?? 4433) }, (request, context) => {
  const entry = feed.lookup(context.remoteAddress.address);
  const { location, verdict } = judgeGeoHint(geoHintOf(request), entry?.location);
  const currency = CURRENCIES[location.country] ?? "EUR";
  const response = Response.json({ currency, verdict, over: context.protocol });
  return askHints(response, ["Sec-CH-IP-Geo"]);
});
console.log(server.url.href);
