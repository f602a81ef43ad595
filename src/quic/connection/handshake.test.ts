import { describe, expect, test } from "vitest";
import { HostilePeer } from "../testing/hostile-peer.ts";
import { Pair } from "../testing/pair.ts";

describe("handshake", () => {
  test("completes in one round trip and is confirmed", () => {
    const pair = new Pair().connect();
    expect(pair.clientEvents.map((event) => event.type)).toContain("connected");
    expect(pair.serverEvents.map((event) => event.type)).toContain("connected");
    expect(pair.connection.handshakeFacts?.alpn).toBe("test");
    expect(pair.connection.handshakeFacts?.duration).toBe(20_000);
  });
});

test.each(["client", "server"] as const)(
  "a %s may acknowledge behind the CRYPTO frame that ends the handshake",
  (role) => {
    const peer = new HostilePeer({ role, acknowledgesLast: true, silent: true }).handshake();
    expect(peer.connection!.isHandshakeComplete).toBe(true);
    expect(peer.frames.filter(({ frame }) => frame.type === "connection-close")).toEqual([]);
  },
);

describe("streams", () => {
  test("carry bytes in both directions", () => {
    const pair = new Pair().connect();
    const message = new Uint8Array(300_000).map((_, i) => i % 251);
    const received: Uint8Array[] = [];
    let echoed = 0;
    let isDone = false;
    pair.onEvent = (side, connection, event) => {
      if (event.type !== "stream-readable") return;
      for (let chunk = connection.read(event.id); chunk !== undefined; chunk = connection.read(event.id)) {
        if (side === "server") {
          expect(connection.write(event.id, chunk.bytes, chunk.fin)).toBe(true);
          echoed += chunk.bytes.length;
        } else {
          received.push(chunk.bytes);
          isDone ||= chunk.fin;
        }
      }
    };
    const id = pair.connection.openStream("bidi")!;
    expect(pair.connection.write(id, message, true)).toBe(true);
    pair.run(() => isDone);
    expect(echoed).toBe(message.length);
    expect(Buffer.concat(received).equals(message)).toBe(true);
  });
});
