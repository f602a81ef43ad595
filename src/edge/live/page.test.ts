/** The page of a relay: what it answers to browsers, and to whom it says what is published. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClient } from "../../client/index.ts";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { namespaceOf } from "../../host/live/names.ts";
import { BroadcastPublisher } from "../../media/broadcast/index.ts";
import { EVERYTHING } from "../../media/relay/index.ts";
import { type Server, startServer } from "../server.ts";
import { createLiveRelay, type LiveAnswer } from "./index.ts";
import { broadcastsOf } from "./page.ts";

const GRANTS: Readonly<Record<string, LiveAnswer>> = {
  all: true,
  viewer: { subscribe: ["live"] },
  publisher: { publish: ["live"] },
};
const client = createClient({ rejectUnauthorized: false });
let server: Server;

beforeAll(async () => {
  const service = createLiveRelay({
    authorize: ({ token = "" }) => GRANTS[token] ?? false,
    page: { certificateHash: Uint8Array.of(1, 171) },
    log: (line) => {
      throw new Error(line);
    },
  });
  const { host } = service;
  for (const name of ["live/room", "secret"]) {
    const peer = host.relay.addPeer({ label: "this side", grant: EVERYTHING });
    new BroadcastPublisher({ peer, namespace: namespaceOf(name), date: () => 1 }, host.clock.now());
  }
  const identities = [loadIdentity(localhostIdentity)] as const;
  server = await startServer({ port: 0, host: "127.0.0.1", identities, log: () => {} }, service);
});

afterAll(async () => {
  await client.close();
  await server.close({ timeout: 0 });
});

const ask = (path: string, init?: RequestInit) => client.fetch(new URL(path, server.url), init as never);

describe("the page of a relay", () => {
  test.each([
    ["all", ["live/room", "secret"]],
    ["viewer", ["live/room"]],
    ["publisher", []],
    ["unknown", []],
  ])("tells a client with the token %s of %j", async (token, names) => {
    const response = await ask(`/broadcasts?token=${token}`);
    expect(response.headers.get("content-security-policy")).toContain("default-src 'self'");
    const { broadcasts, ...rest } = (await response.json()) as { readonly broadcasts: readonly { name: string }[] };
    expect(broadcasts.map(({ name }) => name)).toEqual(names);
    expect(rest).toMatchObject({ certificateHash: "01ab", dialects: expect.arrayContaining(["moqt-20", "warp-01"]) });
  });

  test("has no other files, and changes nothing", async () => {
    expect((await ask("/package.json")).status).toBe(404);
    expect((await ask("/%2e%2e/main.js")).status).toBe(404);
    const response = await ask("/", { method: "POST" });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });
});

test("broadcasts are namespaces with a publisher", () => {
  const track = { groups: 0, bytes: 0, viewers: 2 };
  const tracks = [
    { ...track, name: "a/video", publisher: "x" },
    { ...track, name: "a/audio", publisher: "x" },
    { ...track, name: "gone/video", publisher: undefined },
    { ...track, name: "nameless", publisher: "x" },
  ];
  expect(broadcastsOf(tracks, EVERYTHING)).toEqual([{ name: "a", tracks: 2, viewers: 4 }]);
});
