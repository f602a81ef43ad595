/** Keying material of sessions (draft-ietf-webtrans-http3 §4.8): the same at both sides, and in each session another. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Server, serve } from "../../edge/index.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import type { AcceptedWebTransport } from "../../host/webtransport/web-transport-request.ts";
import { toHex } from "../../wire/hex.ts";
import { utf8 } from "../../wire/text.ts";
import { WebTransport, type WebTransportClientOptions } from "./index.ts";

const accepted = new Map<string, AcceptedWebTransport>();
let server: Server;

beforeAll(async () => {
  const options = { port: 0, host: "127.0.0.1", tls: localhostIdentity, log: () => {} };
  server = await serve(options, (request, { webtransport }) => {
    const session = webtransport!.accept();
    accepted.set(new URL(request.url).pathname, session);
    return session.response;
  });
});
afterAll(() => server.close({ timeout: 0 }));

const connect = (path: string, client: WebTransportClientOptions = {}): WebTransport =>
  new WebTransport(new URL(path, server.url), {
    allowPooling: true,
    client: { rejectUnauthorized: false, protocols: ["h3"], ...client },
  });

test("is the same at both sides, and differs by session, label and context", async () => {
  const seen = new Set<string>();
  for (const path of ["/a", "/b"]) {
    const session = connect(path);
    // Waits until the session is ready.
    const early = session.exportKeyingMaterial(utf8("label"), utf8("context"), 32);
    await session.ready;
    for (const [label, context] of [
      ["label", "context"],
      ["label", ""],
      ["", "label"],
      ["x".repeat(255), "y".repeat(255)],
    ] as const) {
      const ours = await session.exportKeyingMaterial(utf8(label), utf8(context), 32);
      const theirs = await accepted.get(path)!.exportKeyingMaterial(utf8(label), utf8(context), 32);
      expect(toHex(theirs)).toBe(toHex(ours));
      seen.add(toHex(ours));
    }
    expect(seen).toContain(toHex(await early));
    expect(await session.exportKeyingMaterial(utf8("label"), new ArrayBuffer(0), 4096)).toHaveLength(4096);
  }
  expect(seen.size).toBe(8);
});

test.each([
  ["a label of 256 bytes", new Uint8Array(256), new Uint8Array(0), 32],
  ["a context of 256 bytes", new Uint8Array(0), new Uint8Array(256), 32],
  ["no bytes", new Uint8Array(0), new Uint8Array(0), 0],
  ["4,097 bytes", new Uint8Array(0), new Uint8Array(0), 4097],
  ["half a byte", new Uint8Array(0), new Uint8Array(0), 0.5],
])("%s: a RangeError", async (_, label, context, length) => {
  await expect(connect("/c").exportKeyingMaterial(label, context, length)).rejects.toThrow(RangeError);
});

test("there is none after the end, nor over a WebSocket", async () => {
  const ended = connect("/d");
  await ended.ready;
  ended.close();
  const nothing = new Uint8Array(0);
  await expect(ended.exportKeyingMaterial(nothing, nothing, 1)).rejects.toMatchObject({ name: "InvalidStateError" });
  const socket = connect("/e", { protocols: ["http/1.1"] });
  await expect(socket.exportKeyingMaterial(nothing, nothing, 1)).rejects.toMatchObject({ name: "NotSupportedError" });
});
