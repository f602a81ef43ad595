/** What logs and the inspector say about WebTransport sessions. */

import { afterAll, expect, test } from "vitest";
import { inspectSessions, WebTransport } from "../../client/webtransport/index.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { serve } from "../serve.ts";
import type { RequestRecord } from "./index.ts";

const records: ((record: RequestRecord) => void)[] = [];
const nextRecord = (): Promise<RequestRecord> => new Promise((resolve) => records.push(resolve));
const server = await serve(
  {
    port: 0,
    host: "127.0.0.1",
    tls: localhostIdentity,
    accessLog: { onRecord: (record) => records.shift()?.(record) },
  },
  async (_request, { webtransport }) => {
    const session = webtransport!.accept();
    void session.datagrams.readable.pipeTo(session.datagrams.createWritable()).catch(() => undefined);
    const echo = async () => {
      for await (const { readable, writable } of session.incomingBidirectionalStreams) await readable.pipeTo(writable);
    };
    echo().catch(() => undefined);
    return session.response;
  },
);
afterAll(() => server.close({ timeout: 0 }));

test.each([
  ["h3", "h3", "draft-02"],
  ["http/1.1", "websocket", "qmux-02"],
] as const)("a session over %s", async (protocol, carrier, version) => {
  const url = new URL(`/${carrier}`, server.url);
  const client = new WebTransport(url, { client: { rejectUnauthorized: false, protocols: [protocol] } });
  await client.ready;
  await client.datagrams.writable.getWriter().write(Uint8Array.of(1));
  await client.datagrams.readable.getReader().read();
  const stream = await client.createBidirectionalStream();
  await stream.writable.getWriter().write(new Uint8Array(1000));
  const { value } = await stream.readable.getReader().read();

  const find = (role: "client" | "server") =>
    inspectSessions().find((each) => each.role === role && each.url === (role === "client" ? url.href : url.pathname))!;
  expect(find("client")).toMatchObject({ carrier, version, state: "open", endedAt: undefined, bytesSent: 1000 });
  expect(find("server")).toMatchObject({
    carrier,
    version,
    streams: { incoming: 1, outgoing: 0, open: 1, waiting: 0, dropped: 0, reset: 0, stopped: 0 },
    datagrams: { sent: 1, received: 1, droppedIncoming: 0 },
    openStreams: [{ direction: "bidi", openedBy: "the peer", bytesReceived: 1000 }],
  });

  const record = nextRecord();
  client.close({ closeCode: 5, reason: "bye" });
  expect(await record).toMatchObject({
    path: url.pathname,
    session: {
      carrier: `${carrier} ${version}`,
      protocol: "",
      streamsIn: 1,
      streamsOut: 0,
      bytesIn: 1000,
      bytesOut: expect.any(Number),
      datagramsIn: 1,
      datagramsOut: 1,
      datagramsDropped: 0,
      closeCode: 5,
      reason: "bye",
    },
  });
  expect(value!.length).toBeGreaterThan(0);
  expect(find("server")).toMatchObject({ state: "closed", closeCode: 5, reason: "bye", openStreams: [] });
});

test("of the sessions that ended, the last 32 are shown", async () => {
  for (let n = 0; n < 34; n += 1) {
    const client = new WebTransport(server.url, { client: { rejectUnauthorized: false, protocols: ["http/1.1"] } });
    await client.ready;
    client.close();
    await client.closed;
  }
  expect(inspectSessions().filter(({ endedAt }) => endedAt !== undefined)).toHaveLength(32);
});
