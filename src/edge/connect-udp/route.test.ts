/** The action `connectUdp` of a configuration file. */

import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createClient } from "../../client/index.ts";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { loadConfig } from "../config/load.ts";
import { startServer } from "../server.ts";
import { checkConfig } from "../sites/check.ts";
import { ConfiguredSites } from "../sites/configured-sites.ts";

const folder = mkdtempSync(join(tmpdir(), "nagare-connect-udp-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a route forwards UDP, with response fields and a prefix, and keeps its tunnels over a reload", async () => {
  const echo = createSocket("udp4");
  echo.on("message", (message, from) => echo.send(message, from.port, from.address));
  echo.bind(0, "127.0.0.1");
  await once(echo, "listening");
  const target = `127.0.0.1:${echo.address().port}`;
  const route = {
    path: "/masque/*",
    stripPrefix: "/masque",
    headers: { "x-proxy": "ours" },
    connectUdp: { allow: [target], template: "/{target_host}/{target_port}", idleTimeout: "3m", maxSockets: 1 },
  };
  const file = join(folder, "nagare.config.json");
  writeFileSync(file, JSON.stringify({ sites: { "*": { routes: [route] } } }));
  expect((await checkConfig(file)).problems).toEqual([]);
  const sites = await ConfiguredSites.open(file, (await loadConfig(file)).config, () => undefined);
  const identities = [loadIdentity(localhostIdentity)] as const;
  const server = await startServer({ port: 0, host: "127.0.0.1", identities }, sites);
  const client = createClient({ protocols: ["h2"], rejectUnauthorized: false });
  const via = `https://127.0.0.1:${server.port}/masque/{target_host}/{target_port}`;
  const socket = await client.connectUdp(target, { via });
  await sites.reconfigure({ reload: async () => undefined });
  const message = once(socket, "message");
  socket.send("hello");
  expect(String(((await message) as [Buffer])[0])).toBe("hello");
  // The proxy is the same, and so are its limits.
  await expect(client.connectUdp(target, { via })).rejects.toMatchObject({
    status: 503,
    fields: expect.arrayContaining([["x-proxy", "ours"]]),
  });
  await client.destroy();
  await server.close({ timeout: 0 });
  echo.close();
});

test.each([
  [{}, "connectUdp.allow is missing"],
  [{ allow: [] }, "connectUdp.allow is empty"],
  [{ allow: ["example.com"] }, 'connectUdp cannot be used: allow: "example.com" is not a rule for targets'],
  [{ allow: ["*:*"], idleTimeout: "10s" }, "connectUdp cannot be used: idleTimeout is 10000 ms: give at least 120000"],
  [{ allow: ["*:*"], authorise: 1 }, "connectUdp.authorise is unknown: did you mean authorize?"],
  [{ allow: ["*:*"], authorize: true }, "connectUdp.authorize true is not a function"],
])("%j is a problem of the file", async (connectUdp, message) => {
  const file = join(folder, "bad.config.json");
  writeFileSync(file, JSON.stringify({ sites: { "*": { routes: [{ path: "/*", connectUdp }] } } }));
  const { problems } = await checkConfig(file);
  const [problem] = problems.map((each) => `${each.path} ${each.message}`);
  expect(problem).toContain(message);
});
