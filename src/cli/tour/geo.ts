// Sec-CH-IP-Geo and geofeeds: curl reads a feed that a route publishes, and its hint reaches an origin beside the feed.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { serve } from "../../edge/serve.ts";
import { Geofeed, readGeoField } from "../../http/index.ts";
import { ConfiguredServer } from "./configured-server.ts";
import { peerPath, runPeer } from "./peer.ts";
import type { Row } from "./row.ts";

const FEED = "127.0.0.0/8,JP,JP-13,Tokyo,\r\n::1/128,JP,JP-13,Tokyo,\r\n192.0.2.0/24,US,US-AL,,\r\n";

export const GEO_ROWS: readonly Row[] = [
  {
    system: "geo",
    peer: "curl",
    against: "curl, own origin",
    command: `curl -k -H 'Sec-CH-IP-Geo: "JP,JP-13"' https://localhost:4433/`,
    async run(context) {
      const curl = await peerPath(context, "curl");
      await writeFile(join(context.directory, "geofeed.csv"), FEED);
      await using origin = await serve({ port: 0, host: "localhost", log: () => {} }, (request) => {
        const { location, verdict } = readGeoField([...request.headers]) ?? {};
        return new Response(`${verdict} ${location?.country} ${location?.region} ${location?.city}`);
      });
      const routes = [
        { path: "/geofeed.csv", geofeed: "geofeed.csv" },
        {
          path: "/*",
          geo: { feed: "geofeed.csv" },
          proxy: { origins: [`https://localhost:${origin.port}`], rejectUnauthorized: false },
        },
      ];
      const configured = new ConfiguredServer(context);
      try {
        const url = await configured.start({ listen: { port: 0 }, sites: { "*": { tls: "development", routes } } });
        const ask = async (path: string, ...options: string[]): Promise<string> =>
          (await runPeer(context, curl, ["-sSk", "--max-time", "20", ...options, `${url}${path}`])).stdout;
        const { summary } = Geofeed.parse(new TextEncoder().encode(await ask("geofeed.csv")));
        if (summary.entries !== 3 || summary.errors > 0) throw new Error(`the feed has ${JSON.stringify(summary)}`);
        const seen = [];
        for (const [hint, wanted] of [
          ['"JP,JP-13"', "coarser JP JP-13 "],
          ['"PL,PL-MZ"', "mismatch JP JP-13 Tokyo"],
          ["JP", "none JP JP-13 Tokyo"],
        ] as const) {
          const text = await ask("", "-H", `Sec-CH-IP-Geo: ${hint}`);
          if (text !== wanted) throw new Error(`the hint ${hint} reached the origin as ${text} instead of ${wanted}`);
          seen.push(text.split(" ")[0]);
        }
        return `a feed of 3 prefixes; curl's hints reached an origin as ${seen.join(", ")}`;
      } finally {
        await configured.stop();
      }
    },
  },
];
