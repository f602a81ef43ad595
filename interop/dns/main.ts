/**
 * DNS against real programs: `npm run interop-dns -- [--records N] [--seed N]`. kdig asks our name server over each transport, our
 * resolver asks Knot, BIND and unbound, Chromium follows a record of ours, and our client records of Knot's to Caddy and nginx. Prints a line for each check, and exits with 1 if one
 * fails. A check whose peer is not available is skipped, with the reason.
 */

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createClient } from "../../src/client/index.ts";
import { type DnsProtocol, printRecord, type ResourceRecord, typeName } from "../../src/dns/index.ts";
import { DnsService } from "../../src/edge/dns/index.ts";
import { httpsCarrier } from "../../src/host/dns/https.ts";
import { quicCarrier } from "../../src/host/dns/quic.ts";
import { DnsResolver } from "../../src/host/dns/resolver.ts";
import { createIdentities, HOST } from "../certificates.ts";
import { check } from "../check.ts";
import { debianProgram } from "../install/debian.ts";
import { trixieCommand } from "../install/trixie.ts";
import { newCaddy } from "../peers/caddy.ts";
import { nginx } from "../peers/nginx.ts";
import { firstNavigation } from "./chromium.ts";
import { firstRequest } from "./first-request.ts";
import { compareWithKdig, TRANSPORTS } from "./kdig.ts";
import { isForBind, isForKnot, ORIGIN, randomRecords, zoneText } from "./records.ts";
import { differencesOf, type Started, startBind, startKnot, startUnbound } from "./servers.ts";

const { values } = parseArgs({
  options: { records: { type: "string", default: "500" }, seed: { type: "string", default: "14" } },
});
const count = Number(values.records);
const seed = Number(values.seed);
const log = (line: string): void => console.error(line);

await mkdir(".cache", { recursive: true });
const directory = await mkdtemp(join(process.cwd(), ".cache", "interop-dns-"));
const identity = createIdentities(directory);
await using client = createClient({ ca: identity.ca, resolve: () => ["127.0.0.1"] });
await using overQuic = quicCarrier({ ca: identity.ca });
const overHttps = httpsCarrier((url, init) => client.fetch(url, init));

/** unbound's configuration has no escape for an apostrophe, and it follows aliases. */
const isForUnbound = (record: ResourceRecord): boolean =>
  typeName(record.type) !== "CNAME" && !printRecord(record).includes("'");

function sumUp(asked: number, differences: readonly string[]): string {
  if (differences.length > 0) {
    throw new Error(`${differences.length} of ${asked} differ:\n  ${differences.slice(0, 5).join("\n  ")}`);
  }
  return `${asked} records alike (seed ${seed})`;
}

async function askKdig(name: string, kdig: () => Promise<readonly string[]>): Promise<void> {
  const records = randomRecords(count, seed);
  const path = join(directory, "zone");
  await writeFile(path, zoneText(records));
  await using service = await DnsService.start({
    zones: [{ path, origin: ORIGIN }],
    host: "127.0.0.1",
    port: 0,
    securePort: 0,
    httpsPort: 0,
    identity: identity.identity,
    watch: false,
    log,
    onFault: ({ error }) => console.error(error),
  });
  for (const over of TRANSPORTS) {
    await check(`${name} asks us over ${over}`, async () => {
      const { asked, differences } = await compareWithKdig(await kdig(), service, over, records);
      return sumUp(asked, differences);
    });
  }
}

async function askPeer(
  name: string,
  start: () => Promise<Started>,
  ports: (started: Started) => readonly (readonly [DnsProtocol, number])[],
  records: readonly ResourceRecord[],
): Promise<void> {
  let started: Started | undefined;
  await check(`${name} starts`, async () => {
    started = await start();
    return `with ${records.length} records`;
  });
  if (started === undefined) return;
  await using _ = started;
  for (const [protocol, port] of ports(started)) {
    await check(`we ask ${name} over ${protocol}`, async () => {
      const resolver = new DnsResolver({
        servers: [{ protocol, address: "127.0.0.1", port, name: HOST }],
        ca: identity.ca,
        carry: protocol === "quic" ? overQuic.carry : overHttps,
        timeout: 10_000,
      });
      return sumUp(records.length, await differencesOf(resolver, records));
    });
  }
}

try {
  await askKdig("kdig", async () => [await debianProgram("kdig", "knot-dnsutils", log)]);
  await askKdig("kdig 3.4", () => trixieCommand("usr/bin/kdig", log));
  const forKnot = randomRecords(count, seed, isForKnot);
  await askPeer(
    "Knot 3.4",
    async () => startKnot(await trixieCommand("usr/sbin/knotd", log), directory, zoneText(forKnot), identity),
    ({ port, tlsPort, quicPort }) => [
      ["udp", port],
      ["tcp", port],
      ["tls", tlsPort],
      ["quic", quicPort],
    ],
    forKnot,
  );
  const forBind = randomRecords(count, seed, isForBind);
  await askPeer(
    "BIND",
    async () => startBind([await debianProgram("named", "bind9", log)], directory, zoneText(forBind), identity),
    ({ port, tlsPort, httpsPort }) => [
      ["udp", port],
      ["tcp", port],
      ["tls", tlsPort],
      ["https", httpsPort],
    ],
    forBind,
  );
  const local = forKnot.filter(isForUnbound);
  await askPeer(
    "unbound",
    async () => startUnbound([await debianProgram("unbound", "unbound", log)], directory, local, identity),
    ({ port, tlsPort, httpsPort }) => [
      ["udp", port],
      ["tls", tlsPort],
      ["https", httpsPort],
    ],
    local,
  );
  await check("Chromium follows our HTTPS record over our DNS over HTTPS", () => firstNavigation(directory, identity));
  for (const peer of [newCaddy, nginx]) {
    await check(`our client follows Knot's HTTPS record to ${peer.name}`, async () =>
      firstRequest(peer, await trixieCommand("usr/sbin/knotd", log), directory, identity, log),
    );
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
