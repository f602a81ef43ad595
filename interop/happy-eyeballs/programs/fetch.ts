/** `createClient`, as a program: fetches a URL over the protocols given, with HTTPS records. */

import { readFileSync } from "node:fs";
import { createClient, type Protocol } from "../../../src/client/index.ts";

const [url, caFile, protocols] = process.argv.slice(2);
await using client = createClient({
  ca: readFileSync(caFile!, "utf8"),
  protocols: protocols!.split(",") as Protocol[],
  happyEyeballs: { httpsRecords: true },
});
// What loads when it is first needed is loaded before the visit. Nobody listens at this port of loopback.
await client.fetch("https://127.0.0.1:9/").catch(() => {});
try {
  await (await client.fetch(url!)).text();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
