/** Bad input to a tunnel of a UDP proxy: each is bounded, and drops or ends the tunnel. */

import { describe, expect, test } from "vitest";
import { ReceivedBatch, type SocketAddress, type Transmit } from "../../base/datagrams.ts";
import { systemClock } from "../../host/clock.ts";
import type { BodyState } from "../../host/http/request-body.ts";
import type { Tunnel, TunnelDatagrams } from "../../host/http/tunnel.ts";
import { UdpTunnel } from "../../host/http/udp-tunnel.ts";
import { NO_CAPABILITIES, type UdpSocket } from "../../host/udp/udp-socket.ts";
import { datagramCapsule } from "../../http/capsules/index.ts";
import { MAX_UDP_PAYLOAD, udpDatagram } from "../../http/connect-udp/index.ts";
import { Forwarding } from "./forwarding.ts";

const PEER: SocketAddress = { family: 4, host: "192.0.2.1", port: 53 };

class FakeTunnel implements Tunnel {
  aborted: Error | undefined;
  onDrain: (() => void) | undefined;
  onAbort: ((reason: Error) => void) | undefined;
  hasRoom = true;
  readonly written: Uint8Array[] = [];
  readonly log: string[] = [];
  readonly chunks: Uint8Array[];
  readonly body;
  readonly datagrams: TunnelDatagrams | undefined;

  constructor(chunks: Uint8Array[] = [], datagrams?: TunnelDatagrams) {
    this.chunks = chunks;
    this.datagrams = datagrams;
    this.body = {
      state: "open" as BodyState,
      trailers: [],
      onReadable: undefined as (() => void) | undefined,
      read: () => this.chunks.shift(),
    };
  }

  arrive(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.body.onReadable?.();
  }

  write(chunk: Uint8Array): boolean {
    this.written.push(chunk);
    return this.hasRoom;
  }
  end(): void {
    this.log.push("end");
  }
  stopReading(): void {
    this.log.push("stopReading");
  }
  reset(reason: Error): void {
    this.log.push(`reset: ${reason.message}`);
  }
}

class FakeSocket implements UdpSocket {
  readonly engine = "fake";
  readonly address = PEER;
  readonly capabilities = NO_CAPABILITIES;
  readonly slots = { arena: new Uint8Array(65_536) };
  isBlocked = false;
  onWritable: undefined;
  onBatch: ((batch: ReceivedBatch) => void) | undefined;
  onFault: undefined;
  onRefused: (() => void) | undefined;
  readonly sent: Uint8Array[] = [];
  closed = 0;

  send({ length }: Transmit): number {
    this.sent.push(this.slots.arena.slice(0, length));
    return 1;
  }
  receive(...payloads: Uint8Array[]): void {
    const batch = new ReceivedBatch(new Uint8Array(65_536), 64);
    for (const payload of payloads) batch.push(payload, PEER, PEER);
    this.onBatch?.(batch);
  }
  handleCommand(): boolean {
    return false;
  }
  ref(): void {}
  unref(): void {}
  async close(): Promise<void> {
    this.closed += 1;
  }
}

function forward(tunnel: FakeTunnel) {
  const socket = new FakeSocket();
  let closes = 0;
  const forwarding = new Forwarding({
    tunnel,
    socket,
    peer: PEER,
    idleTimeout: 120_000,
    clock: systemClock,
    onFault: ({ error }) => {
      throw error;
    },
    onClose: () => {
      closes += 1;
    },
  });
  const state = () => ({ closes, closed: socket.closed, log: tunnel.log });
  return { forwarding, socket, state };
}

const capsuleOf = (payload: Uint8Array): Uint8Array => datagramCapsule(udpDatagram(payload));
const OPEN = { closes: 0, closed: 0, log: [] };

describe("a CONNECT-UDP client that floods", () => {
  test("nothing waits for a socket without room", () => {
    const tunnel = new FakeTunnel();
    const { forwarding, socket, state } = forward(tunnel);
    socket.isBlocked = true;
    for (let i = 0; i < 10_000; i += 1) tunnel.arrive(capsuleOf(new Uint8Array(1_200)));
    expect(socket.sent).toEqual([]);
    socket.isBlocked = false;
    tunnel.arrive(capsuleOf(Uint8Array.of(7)));
    expect(socket.sent).toEqual([Uint8Array.of(7)]);
    expect(state()).toEqual(OPEN);
    forwarding.close();
  });
});

describe("a CONNECT-UDP client that never reads", () => {
  test("datagrams as capsules are dropped until there is room", () => {
    const tunnel = new FakeTunnel();
    tunnel.hasRoom = false;
    const { forwarding, socket, state } = forward(tunnel);
    for (let i = 0; i < 10_000; i += 1) socket.receive(new Uint8Array(1_200));
    const held = tunnel.written.reduce((sum, { length }) => sum + length, 0);
    expect(held).toBeLessThan(257 * 1024);
    const before = tunnel.written.length;
    tunnel.hasRoom = true;
    tunnel.onDrain!();
    socket.receive(Uint8Array.of(1), Uint8Array.of(2));
    expect(tunnel.written.slice(before)).toEqual([capsuleOf(Uint8Array.of(1)), capsuleOf(Uint8Array.of(2))]);
    expect(state()).toEqual(OPEN);
    forwarding.close();
  });

  test("datagrams in frames are dropped by the connection's queue", () => {
    const offered: number[] = [];
    const tunnel = new FakeTunnel([], {
      maxPayload: 1_100,
      onDatagram: undefined,
      send(payload, expires) {
        expect(expires).toBeGreaterThan(systemClock.now());
        offered.push(payload.length);
        return "full";
      },
    });
    const { forwarding, socket, state } = forward(tunnel);
    socket.receive(Uint8Array.of(1), Uint8Array.of(2));
    expect([offered, tunnel.written]).toEqual([[2, 2], []]);
    expect(state()).toEqual(OPEN);
    forwarding.close();
  });

  test("a datagram that does not fit into a frame is dropped, not sent as a capsule (RFC 9298 §6)", () => {
    const tunnel = new FakeTunnel([], { maxPayload: 1_100, onDatagram: undefined, send: () => "too-large" });
    const { forwarding, socket } = forward(tunnel);
    socket.receive(new Uint8Array(1_300));
    expect(tunnel.written).toEqual([]);
    forwarding.close();
  });
});

describe("payloads", () => {
  test("65,527 bytes are the most: more aborts the stream (RFC 9298 §5)", () => {
    const tunnel = new FakeTunnel();
    const { socket, state } = forward(tunnel);
    tunnel.arrive(capsuleOf(new Uint8Array(MAX_UDP_PAYLOAD)));
    expect(socket.sent.map(({ length }) => length)).toEqual([MAX_UDP_PAYLOAD]);
    tunnel.arrive(capsuleOf(new Uint8Array(MAX_UDP_PAYLOAD + 1)));
    expect(state()).toEqual({ closes: 1, closed: 1, log: ["reset: a UDP payload of 65528 bytes"] });
  });

  test("65,527 bytes are the most that are sent, over HTTP/1.1 and HTTP/2 as well (RFC 9298 §5)", () => {
    const tunnel = new FakeTunnel();
    const sender = new UdpTunnel(tunnel, { onPayload: () => undefined, onClose: () => undefined });
    expect(sender.maxPayload).toBe(65_527);
    expect(sender.send(new Uint8Array(65_527))).toBe("queued");
    expect(sender.send(new Uint8Array(65_528))).toBe("too-large");
    expect(tunnel.written).toHaveLength(1);
    // A peer takes what was sent.
    const { forwarding, socket, state } = forward(new FakeTunnel(tunnel.written));
    expect(socket.sent.map(({ length }) => length)).toEqual([65_527]);
    expect(state()).toEqual(OPEN);
    forwarding.close();
  });

  test("a capsule of 2^62 bytes aborts the stream before its value arrives", () => {
    const tunnel = new FakeTunnel();
    const { state } = forward(tunnel);
    tunnel.arrive(Uint8Array.of(0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
    expect(state()).toMatchObject({
      closes: 1,
      closed: 1,
      log: [expect.stringMatching(/^reset: a datagram of \d+ bytes/)],
    });
  });

  test("unknown contexts and unknown capsules are dropped (RFC 9298 §4, RFC 9297 §3.3)", () => {
    const tunnel = new FakeTunnel();
    const { forwarding, socket, state } = forward(tunnel);
    tunnel.arrive(datagramCapsule(Uint8Array.of(2, 1, 2, 3)));
    tunnel.arrive(datagramCapsule(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff)));
    tunnel.arrive(Uint8Array.of(0x17, 3, 1, 2, 3));
    expect([socket.sent, state()]).toEqual([[], OPEN]);
    tunnel.arrive(capsuleOf(Uint8Array.of(9)));
    expect(socket.sent).toEqual([Uint8Array.of(9)]);
    forwarding.close();
  });

  test("a datagram without a Context ID aborts the stream", () => {
    const tunnel = new FakeTunnel();
    const { state } = forward(tunnel);
    tunnel.arrive(datagramCapsule(Uint8Array.of(0x40)));
    expect(state()).toEqual({ closes: 1, closed: 1, log: ["reset: a datagram without a Context ID"] });
  });

  test("capsules split at each byte", () => {
    const tunnel = new FakeTunnel();
    const { forwarding, socket } = forward(tunnel);
    for (const byte of capsuleOf(Uint8Array.of(0xde, 0xad))) tunnel.arrive(Uint8Array.of(byte));
    expect(socket.sent).toEqual([Uint8Array.of(0xde, 0xad)]);
    forwarding.close();
  });
});

describe("the end", () => {
  test("of the client's direction closes the socket", () => {
    const tunnel = new FakeTunnel();
    const { state } = forward(tunnel);
    tunnel.body.state = "ended";
    tunnel.body.onReadable!();
    expect(state()).toEqual({ closes: 1, closed: 1, log: ["end"] });
  });

  test("before the tunnel is forwarded, and bad input with the head, close the socket, too", () => {
    const gone = new FakeTunnel();
    gone.aborted = new Error("gone");
    expect(forward(gone).state()).toEqual({ closes: 1, closed: 1, log: [] });
    const bad = forward(new FakeTunnel([datagramCapsule(new Uint8Array(0))]));
    expect(bad.state()).toEqual({ closes: 1, closed: 1, log: ["reset: a datagram without a Context ID"] });
  });

  test("datagrams after it go nowhere", () => {
    const tunnel = new FakeTunnel();
    const { forwarding, socket, state } = forward(tunnel);
    const late = socket.onBatch!;
    forwarding.close();
    const batch = new ReceivedBatch(new Uint8Array(10), 1);
    batch.push(Uint8Array.of(1), PEER, PEER);
    late(batch);
    tunnel.arrive(capsuleOf(Uint8Array.of(1)));
    expect([tunnel.written, socket.sent]).toEqual([[], []]);
    expect(state()).toEqual({ closes: 1, closed: 1, log: ["end", "stopReading"] });
  });

  test("targets that answer with ICMP errors reset the tunnel once", () => {
    const tunnel = new FakeTunnel();
    const { socket, state } = forward(tunnel);
    const refused = socket.onRefused!;
    refused();
    refused();
    expect(state()).toEqual({ closes: 1, closed: 1, log: ["reset: the target's port is unreachable"] });
  });
});
