/** Rows 14, 21, 27: thousands of meaningless packets. */

import { describe, expect, test } from "vitest";
import { after, millis, seconds } from "../../src/base/time.ts";
import { TRANSPORT_ERRORS } from "../../src/quic/errors.ts";
import { emitFrame } from "../../src/quic/frame/emit.ts";
import type { Frame } from "../../src/quic/frame/frames.ts";
import { HostilePeer } from "../../src/quic/testing/hostile-peer.ts";
import { initialPacket } from "../../src/quic/testing/initial.ts";
import { address, Listener } from "../../src/quic/testing/listener.ts";
import { EncryptionLevel } from "../../src/tls/index.ts";
import { Writer } from "../../src/wire/writer.ts";
import { attacker, growth, KIB, MIB } from "./attack.ts";

const { oneRtt } = EncryptionLevel;

describe("row 14: empty and tiny datagrams", () => {
  test("get no response, leave no state, and do not delay timers", () => {
    const server = new Listener();
    server.deliver(initialPacket({ destination: new Uint8Array(8).fill(1) }));
    const deadline = server.endpoint.nextTimeout()!;
    const used = growth(() => {
      for (let i = 0; i < 20_000; i += 1) {
        const junk = new Uint8Array(i % 21).fill(0x40 | (i & 0x3f));
        expect(server.deliver(junk, address(i % 50))).toEqual([]);
      }
      return server;
    });
    expect(used).toBeLessThan(MIB);
    expect(server.endpoint.nextTimeout()).toBe(deadline);
    server.wait(seconds(11));
    expect(server.endpoint.connectionCount).toBe(0);
  });

  test("PING gets at most one acknowledgement for two packets, and PADDING alone even fewer", () => {
    const peer = attacker();
    const before = peer.datagrams.length;
    for (let i = 0; i < 1_000; i += 1) peer.send(oneRtt, [{ type: "ping" }]);
    expect(peer.datagrams.length - before).toBeLessThanOrEqual(501);
    const { length } = peer.datagrams;
    for (let i = 0; i < 1_000; i += 1) peer.send(oneRtt, [{ type: "padding", length: 3 }]);
    // Packets that are not ack-eliciting are acknowledged only along with others.
    expect(peer.datagrams.length - length).toBeLessThanOrEqual(130);
  });
});

describe("row 21: truncated frames", () => {
  const frames: readonly Frame[] = [
    { type: "ack", largest: 0, delay: 70, ranges: [0, 0], ecn: { ect0: 70, ect1: 70, ce: 70 } },
    { type: "reset-stream", id: 68, code: 70, finalSize: 70 },
    { type: "stop-sending", id: 0, code: 70 },
    { type: "crypto", offset: 70, data: new Uint8Array(5) },
    { type: "stream", id: 68, offset: 70, data: new Uint8Array(5), fin: false },
    { type: "max-data", maximum: 70_000 },
    { type: "max-stream-data", id: 0, maximum: 70_000 },
    { type: "max-streams", direction: "bidi", maximum: 70 },
    { type: "data-blocked", limit: 70 },
    { type: "stream-data-blocked", id: 0, limit: 70 },
    { type: "streams-blocked", direction: "uni", limit: 70 },
    {
      type: "new-connection-id",
      sequence: 1,
      retirePriorTo: 0,
      connectionId: new Uint8Array(8).fill(1),
      resetToken: new Uint8Array(16),
    },
    { type: "retire-connection-id", sequence: 70 },
    { type: "path-challenge", data: new Uint8Array(8) },
    { type: "path-response", data: new Uint8Array(8) },
    { type: "connection-close", layer: "transport", code: 70, frameType: 6, phrase: new Uint8Array(5) },
    { type: "connection-close", layer: "application", code: 70, frameType: 0, phrase: new Uint8Array(5) },
  ];

  test.each(frames.map((frame) => [frame.type, frame] as const))("%s, at every byte", (_type, frame) => {
    const writer = new Writer(new Uint8Array(100));
    emitFrame(writer, frame);
    const whole = writer.written();
    for (let length = 1; length < whole.length; length += 1) {
      const peer = attacker();
      peer.sendRaw(oneRtt, whole.slice(0, length));
      expect(peer.close?.code, `${length} bytes`).toBe(TRANSPORT_ERRORS.FRAME_ENCODING_ERROR.code);
    }
  });

  test.each([0x1f, 0x20, 0x3f, 0x21])("type %i is unknown", (type) => {
    const peer = attacker();
    peer.sendRaw(oneRtt, Uint8Array.of(type, 0, 0, 0));
    expect(peer.close?.code).toBe(TRANSPORT_ERRORS.FRAME_ENCODING_ERROR.code);
  });
});

describe("row 27: forgeries", () => {
  test("with the other key phase cost a decryption, and change nothing", () => {
    // With real keys: packets sealed with the current key but marked with the next key phase open with neither key.
    const peer = new HostilePeer({ role: "client" }).handshake();
    const id = peer.connection.openStream("uni")!;
    const used = growth(() => {
      for (let i = 0; i < 3_000; i += 1) peer.deliver(peer.seal(oneRtt, Uint8Array.of(1), { keyPhase: 1 }));
      return peer;
    });
    expect(used).toBeLessThan(512 * KIB);
    expect(peer.connection.keyGeneration).toBe(0);
    // After 2,000 failures nothing is decrypted until time passes.
    expect(peer.connection.stats).toMatchObject({ packetsDropped: 2_000, datagramsShed: 1_000 });
    peer.wait(millis(500));
    peer.connection.write(id, new Uint8Array(10), true);
    peer.poll();
    peer.send(oneRtt, [{ type: "ping" }]);
    expect(peer.connection.isOpen).toBe(true);
    expect(peer.events.some(({ type }) => type === "stream-finished")).toBe(true);
  });

  test("do not keep a connection alive", () => {
    const peer = new HostilePeer({ role: "client", victim: { maxIdleTimeout: seconds(5) } }).handshake();
    const end = after(peer.now, seconds(7));
    while (peer.now < end) {
      peer.deliver(peer.seal(oneRtt, Uint8Array.of(1), { keyPhase: 1 })).poll();
      peer.wait(millis(500));
    }
    expect(peer.events.at(-1)).toEqual({ type: "closed", reason: { type: "idle-timeout" } });
  });
});
