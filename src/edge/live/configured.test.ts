/** A relay of live media in a configuration file: what a reload keeps, and what it replaces. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebTransport } from "../../client/webtransport/index.ts";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { KeptSession, type UpstreamEvent } from "../../host/live/kept-session.ts";
import { LiveHost } from "../../host/live/live-relay.ts";
import { loadConfig } from "../config/load.ts";
import { type Server, startServer } from "../server.ts";
import { checkConfig } from "../sites/check.ts";
import { ConfiguredSites } from "../sites/configured-sites.ts";

const folder = mkdtempSync(join(tmpdir(), "nagare-live-"));
const file = join(folder, "nagare.config.json");
const write = (live: unknown, body = "first"): void => {
  writeFileSync(join(folder, "cert.pem"), localhostIdentity.cert);
  writeFileSync(join(folder, "key.pem"), localhostIdentity.key);
  const routes = [
    { path: "/live/*", live },
    { path: "/word", respond: { body } },
  ];
  writeFileSync(
    file,
    JSON.stringify({ sites: { "*": { tls: { certFile: "cert.pem", keyFile: "key.pem" }, routes } } }),
  );
};

const log: string[] = [];
let sites: ConfiguredSites;
let server: Server;

beforeAll(async () => {
  write({ cacheAge: "5s" });
  sites = await ConfiguredSites.open(file, (await loadConfig(file)).config, (line) => log.push(line));
  const identities = [loadIdentity(localhostIdentity)] as const;
  server = await startServer({ port: 0, host: "127.0.0.1", identities, log: (line) => log.push(line) }, sites);
});

afterAll(async () => {
  await server.close({ timeout: 0 });
  rmSync(folder, { recursive: true, force: true });
});

const client = { rejectUnauthorized: false, protocols: ["h3"] as const };
const open = (protocols: readonly string[]): WebTransport =>
  new WebTransport(new URL("live/", server.url).href, { protocols: [...protocols], client });

test("a reload that leaves the relay as it was keeps its sessions; one that changes it makes them come over", async () => {
  const host = new LiveHost({}, ({ error }) => log.push(error.message));
  const events: UpstreamEvent["type"][] = [];
  let onEvent = (): void => {};
  const reached = (count: number): Promise<void> =>
    new Promise((resolve) => {
      onEvent = () => {
        if (events.length >= count) resolve();
      };
      onEvent();
    });
  const session = new KeptSession({
    host,
    label: "server",
    open,
    onPeer: () => {},
    onEvent: ({ type }) => {
      events.push(type);
      onEvent();
    },
  });
  await reached(1);

  write({ cacheAge: 5_000 }, "second");
  await sites.reconfigure(server);
  // A session that begins after the reload tells that it is in force.
  const other = open(["moqt-20"]);
  await other.ready;
  other.close();
  expect(events).toEqual(["connected"]);

  write({ cacheAge: "6s" }, "second");
  await sites.reconfigure(server);
  await reached(3);
  expect(events).toEqual(["connected", "lost", "connected"]);
  session.close();
  host.close("the test is over");
  expect(log).toEqual([]);
});

test("check-config finds a key that cannot be read, and what contradicts", async () => {
  write({ tokens: { keyFile: "missing.jwk" } });
  const { problems } = await checkConfig(file);
  expect(problems.map(({ message }) => message).join()).toContain(`cannot read ${join(folder, "missing.jwk")}`);
});
