/** A relay of live media over real connections: HTTP/3, and a WebSocket where there is no UDP. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebTransport } from "../../client/webtransport/index.ts";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { KeptSession } from "../../host/live/kept-session.ts";
import { LiveHost } from "../../host/live/live-relay.ts";
import { namespaceOf } from "../../host/live/names.ts";
import { BroadcastPublisher, BroadcastWatcher } from "../../media/broadcast/index.ts";
import { EVERYTHING, type JoinWishes } from "../../media/relay/index.ts";
import { TestSource } from "../../media/test-source/index.ts";
import { type Server, startServer } from "../server.ts";
import { createLiveRelay, type LiveAnswer, type LiveService } from "./index.ts";

const GRANTS: Readonly<Record<string, LiveAnswer>> = {
  all: true,
  viewer: { subscribe: ["live"] },
  other: { subscribe: ["elsewhere"] },
  expired: { subscribe: ["live"], expires: 1 },
};

let service: LiveService;
let server: Server;
const open: KeptSession[] = [];
const hosts: LiveHost[] = [];

beforeAll(async () => {
  service = createLiveRelay({ authorize: ({ token = "" }) => GRANTS[token] ?? false, log: fail });
  server = await startServer(
    { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)], log: () => {} },
    service,
  );
});

afterAll(async () => {
  for (const session of open) session.close();
  for (const host of hosts) host.close("the test is over");
  await server.close({ timeout: 0 });
});

function fail(line: string): void {
  throw new Error(line);
}

/** A relay in this process that is connected to the server. */
function connect(version: "h3" | "http/1.1", token: string, wishes: JoinWishes): LiveHost {
  const host = new LiveHost({}, ({ error }) => fail(error.message));
  hosts.push(host);
  const client = { rejectUnauthorized: false, protocols: [version] as const };
  open.push(
    new KeptSession({
      host,
      label: "server",
      open: (protocols) => new WebTransport(`${server.url.href}?token=${token}`, { protocols: [...protocols], client }),
      onPeer: (peer) => peer.join(wishes, host.clock.now()),
    }),
  );
  return host;
}

const LIVE = { peer: { label: "this side", grant: EVERYTHING }, namespace: namespaceOf("live/clock") };

/** As `connect`, in a protocol whose sessions are of one broadcast. */
function connectTo(version: "h3" | "http/1.1", protocols: readonly string[], direction: "send" | "receive"): LiveHost {
  const host = new LiveHost({}, ({ error }) => fail(error.message));
  hosts.push(host);
  const client = { rejectUnauthorized: false, protocols: [version] as const };
  open.push(
    new KeptSession({
      host,
      label: "server",
      protocols: ["warp-01", ...protocols],
      broadcast: { namespace: namespaceOf("live/warp"), direction },
      open: () => new WebTransport(`${server.url.href}live/warp?token=all`, { protocols: [...protocols], client }),
      onPeer: () => fail("this is no peer of MoQ Transport"),
    }),
  );
  return host;
}

/** Publishes nearly three seconds of the test source at once. */
function publish(host: LiveHost, namespace = LIVE.namespace): void {
  const now = host.clock.now();
  const peer = host.relay.addPeer(LIVE.peer);
  const publisher = new BroadcastPublisher({ peer, namespace, date: () => host.clock.date() }, now);
  const source = new TestSource({ start: now });
  const until = (now + 2_900_000) as typeof now;
  for (let bytes = source.pollBytes(until); bytes !== undefined; bytes = source.pollBytes(until))
    publisher.push(bytes, now);
}

/** Resolves with what was watched once there are `chunks` of it, or with why it cannot be. */
function watch(host: LiveHost, chunks: number, namespace = LIVE.namespace): Promise<string> {
  return new Promise((resolve) => {
    let count = 0;
    new BroadcastWatcher(
      {
        peer: host.relay.addPeer(LIVE.peer),
        namespace,
        wait: 30_000,
        onBytes: () => {
          count += 1;
          if (count === chunks) resolve("watched");
        },
        onEnd: (end) => resolve(typeof end === "string" ? end : end.reason),
      },
      host.clock.now(),
    );
    host.arm();
  });
}

describe("a broadcast", () => {
  test("is published over HTTP/3, and watched over HTTP/3 and a WebSocket; tokens decide who may", async () => {
    publish(connect("h3", "all", { announce: [LIVE.namespace] }));
    const viewers = (["h3", "http/1.1"] as const).map((version) =>
      connect(version, "viewer", { ask: [LIVE.namespace] }),
    );
    expect(await Promise.all(viewers.map((host) => watch(host, 20)))).toEqual(["watched", "watched"]);
    const names = service.stats().tracks.map(({ name, viewers: count }) => `${name} ${count}`);
    // Who comes before the publisher may find the catalog under its other name.
    const media = names.filter((each) => !each.includes("catalog"));
    expect(media.sort()).toEqual(["live/clock/audio2 2", "live/clock/video1 2"]);
    const stranger = connect("h3", "other", { ask: [LIVE.namespace] });
    expect(await watch(stranger, 20)).toBe("unauthorized");
  });

  test("is published over Warp, and watched over Warp, the base draft, and MoQ Transport", async () => {
    const namespace = namespaceOf("live/warp");
    publish(connectTo("h3", [], "send"), namespace);
    const viewers = [
      connectTo("h3", [], "receive"),
      connectTo("http/1.1", ["warp-02"], "receive"),
      connect("h3", "viewer", { ask: [namespace] }),
    ];
    expect(await Promise.all(viewers.map((host) => watch(host, 20, namespace)))).toEqual(viewers.map(() => "watched"));
  });

  test("is asked for by a relay whose viewers want it", async () => {
    publish(connect("h3", "all", { announce: [LIVE.namespace] }));
    const edge = createLiveRelay({ log: fail });
    const client = { rejectUnauthorized: false, protocols: ["h3"] as const };
    const url = `${server.url.href}?token=viewer`;
    edge.addUpstream({
      label: "origin",
      open: (protocols) => new WebTransport(url, { protocols: [...protocols], client }),
      namespaces: ["live"],
    });
    expect(await watch(edge.host, 20)).toBe("watched");
    await edge.close();
  });

  test("sessions without a token, or with one that expired, are refused before they begin", async () => {
    const attempts = ["none", "expired"].map(async (token) => {
      const client = { rejectUnauthorized: false, protocols: ["h3"] as const };
      const session = new WebTransport(`${server.url.href}?token=${token}`, { protocols: ["moqt-20"], client });
      return session.ready.then(
        () => "open",
        (error: Error) => error.message,
      );
    });
    const refused = "the server answered 403 instead of opening a session";
    expect(await Promise.all(attempts)).toEqual([refused, refused]);
  });

  test("clients of other protocols, and requests that are no sessions, are told what to do", async () => {
    const client = { rejectUnauthorized: false, protocols: ["h3"] as const };
    const session = new WebTransport(`${server.url.href}?token=all`, { protocols: ["moq-99"], client });
    await expect(session.ready).rejects.toThrow("400");
    const nameless = new WebTransport(`${server.url.href}?token=all`, { client });
    await expect(nameless.ready).rejects.toThrow("404");
    session.close();
    nameless.close();
  });
});
