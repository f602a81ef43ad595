/** What a client may not do with 0-RTT packets, and what it gains if it tries (RFC 9000 §12.5, RFC 9001 §4.6, §4.9.3). */

import { describe, expect, test } from "vitest";
import { type Instant, seconds } from "../../base/time.ts";
import { EncryptionLevel } from "../../tls/index.ts";
import { ed25519Identity } from "../../tls/testing/identity.ts";
import { utf8 } from "../../wire/text.ts";
import type { Frame } from "../frame/frames.ts";
import type { HostileOptions } from "../testing/hostile-options.ts";
import { HostilePeer } from "../testing/hostile-peer.ts";
import { keptSession, ticketPolicy } from "../testing/resumption.ts";

const { zeroRtt, oneRtt } = EncryptionLevel;
const START = 5_000_000 as Instant;

/** A client in the middle of the handshake, which has 0-RTT keys. */
function hostileClient(options: Partial<HostileOptions> = {}): HostilePeer {
  const peer = new HostilePeer({
    role: "client",
    withholdFinished: true,
    clientTls: { session: keptSession(), earlyData: true },
    serverTls: { tickets: ticketPolicy() },
    ...options,
  });
  peer.now = START;
  return peer.handshake();
}

const stream = (data = "early"): Frame => ({ type: "stream", id: 0, offset: 0, data: utf8(data), fin: true });
const types = (peer: HostilePeer) => peer.events.map(({ type }) => type);

test("an honest STREAM frame is read, before the handshake is complete", () => {
  const peer = hostileClient().send(zeroRtt, [stream()]);
  expect(types(peer)).toEqual(["connected", "stream-opened", "stream-readable"]);
  expect(peer.connection.isHandshakeComplete).toBe(false);
});

describe("in a 0-RTT packet, the following is a PROTOCOL_VIOLATION", () => {
  const forbidden: readonly Frame[] = [
    { type: "crypto", offset: 0, data: utf8("x") },
    { type: "new-token", token: utf8("token") },
    { type: "path-response", data: new Uint8Array(8) },
    { type: "handshake-done" },
    { type: "retire-connection-id", sequence: 0 },
  ];
  for (const frame of forbidden) {
    test(frame.type, () => {
      const peer = hostileClient();
      peer.send(zeroRtt, [frame]);
      expect(peer.close).toMatchObject({ layer: "transport", code: 0x0a });
    });
  }

  test("ack", () => {
    const peer = hostileClient().sendRaw(zeroRtt, Uint8Array.of(0x02, 0, 0, 0, 0));
    expect(peer.close).toMatchObject({ code: 0x0a });
  });

  test("no frame", () => {
    const peer = hostileClient().sendRaw(zeroRtt, new Uint8Array(0), { padTo: 0 });
    expect(peer.close).toMatchObject({ code: 0x0a });
  });

  test("a reserved bit", () => {
    const peer = hostileClient().send(zeroRtt, [stream()], { firstByteBits: 0x04 });
    expect(peer.close).toMatchObject({ code: 0x0a });
  });
});

describe("0-RTT packets are dropped", () => {
  const seal = (peer: HostilePeer, packetNumber: number) =>
    peer.seal(zeroRtt, Uint8Array.of(0x01, 0, 0, 0), { packetNumber });

  test("if early data was rejected", () => {
    const peer = hostileClient({ serverTls: { tickets: ticketPolicy("other") } });
    peer.send(zeroRtt, [stream()]);
    expect(types(peer)).toEqual([]);
    expect(peer.connection.stats.packetsDropped).toBe(1);
  });

  test("if none was offered", () => {
    const peer = hostileClient();
    const other = new HostilePeer({ role: "client", withholdFinished: true });
    other.now = START;
    other.handshake();
    const datagram = seal(peer, 0);
    datagram.set(other.destination, 6);
    other.deliver(datagram).poll();
    expect(types(other)).toEqual([]);
    expect(other.connection.stats.packetsDropped).toBe(1);
  });

  test("soon after the first 1-RTT packet", () => {
    const peer = hostileClient({ withholdFinished: false });
    peer.deliver(seal(peer, 0)).poll();
    const before = peer.connection.stats.packetsReceived;
    peer.send(oneRtt, [{ type: "ping" }], { packetNumber: 10 });
    // Reordered packets still count…
    peer.deliver(seal(peer, 1)).poll();
    expect(peer.connection.stats.packetsReceived).toBe(before + 2);
    // … but not for long.
    peer.wait(seconds(5));
    peer.deliver(seal(peer, 2)).poll();
    expect(peer.connection.stats.packetsReceived).toBe(before + 2);
    expect(peer.connection.isOpen).toBe(true);
  });

  test("beyond ten, while the server waits for an identity", () => {
    const peer = hostileClient({
      serverTls: { tickets: ticketPolicy(), selectIdentity: () => "later" as const },
    });
    for (let i = 0; i < 50; i += 1) peer.deliver(seal(peer, i)).poll();
    expect(peer.connection.stats.packetsDropped).toBe(40);
  });

  test("when the handshake goes on without early data, so that they take no room from others", () => {
    const forger = hostileClient();
    const peer = new HostilePeer({
      role: "client",
      withholdFinished: true,
      serverTls: { selectIdentity: () => "later" as const },
    });
    peer.now = START;
    peer.handshake();
    for (let i = 0; i < 10; i += 1) {
      const datagram = seal(forger, i);
      datagram.set(peer.connection.sourceId.bytes, 6);
      peer.deliver(datagram).poll();
    }
    expect(peer.connection.stats.packetsDropped).toBe(0);
    peer.connection.identitySelected(ed25519Identity(), peer.now);
    peer.poll();
    // Overtakes the Finished message.
    peer.send(oneRtt, [{ type: "ping" }]);
    expect(peer.connection.stats.packetsDropped).toBe(0);
  });
});
