/** draft-ietf-quic-ack-frequency: fewer acknowledgements for senders that ask. */

import { describe, expect, test } from "vitest";
import { Ecn } from "../../base/datagrams.ts";
import { type Instant, micros, millis } from "../../base/time.ts";
import { EncryptionLevel } from "../../tls/index.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";
import { PacketNumberSpace } from "../packet/number-space.ts";
import { HostilePeer } from "../testing/hostile-peer.ts";
import { Pair, type PairOptions } from "../testing/pair.ts";
import { AckTracker } from "./index.ts";

const NOW = 1_000_000 as Instant;

function tracker(reordering: number, threshold = 100): AckTracker {
  const acks = new AckTracker(PacketNumberSpace.application, { maxAckDelay: millis(25), ackDelayExponent: 3 });
  const request = { type: "ack-frequency", sequence: 0, threshold, maxAckDelay: 25_000, reordering } as const;
  acks.policy.handleFrame(request, micros(1_000));
  return acks;
}

/** Receives packets one by one and acknowledges when it must; returns the packets that triggered an ACK. */
function triggers(acks: AckTracker, packets: readonly number[], ecn: readonly Ecn[] = []): number[] {
  const triggered: number[] = [];
  for (const [i, packetNumber] of packets.entries()) {
    acks.onPacketReceived(packetNumber, true, ecn[i] ?? Ecn.notEct, NOW);
    if (!acks.ackNow) continue;
    acks.onAckSent(NOW);
    triggered.push(packetNumber);
  }
  return triggered;
}

describe("out-of-order packets (§6.2.1)", () => {
  test("a reordering threshold of 3", () => {
    expect(triggers(tracker(3), [0, 1, 3, 4, 5, 8, 9, 10])).toEqual([5, 9, 10]);
  });

  test("a reordering threshold of 5", () => {
    expect(triggers(tracker(5), [0, 1, 3, 5, 6, 7, 8, 9])).toEqual([7, 9]);
  });

  test("a threshold of 0: order does not matter", () => {
    expect(triggers(tracker(0), [0, 5, 3, 20, 1])).toEqual([]);
  });

  test("a late packet that the sender has declared lost", () => {
    const acks = tracker(3);
    triggers(acks, [0, 1, 3, 4, 5]);
    expect(triggers(acks, [6, 7, 2])).toEqual([2]);
  });

  test("the default: every gap, and every packet that fills one", () => {
    expect(triggers(tracker(1), [0, 1, 3, 2])).toEqual([3, 2]);
  });
});

describe("the ack-eliciting threshold (§4)", () => {
  test("an ACK for more packets than the threshold", () => {
    expect(triggers(tracker(3, 4), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])).toEqual([4, 9]);
  });

  test("0 acknowledges each packet", () => {
    expect(triggers(tracker(3, 0), [0, 1, 2])).toEqual([0, 1, 2]);
  });

  test("the first of several marked packets is acknowledged immediately (§6.3)", () => {
    const { ce, ect0 } = Ecn;
    expect(triggers(tracker(3), [0, 1, 2, 3, 4, 5], [ect0, ce, ce, ce, ect0, ce])).toEqual([1, 5]);
  });
});

describe("ACK_FREQUENCY frames", () => {
  const { oneRtt } = EncryptionLevel;
  const ON = { ackFrequency: true };
  const frame = (sequence: number, maxAckDelay: number) =>
    ({ type: "ack-frequency", sequence, threshold: 10, maxAckDelay, reordering: 3 }) as const;

  test("an older one is ignored", () => {
    const acks = tracker(3, 4);
    const older = { type: "ack-frequency", sequence: 0, threshold: 0, maxAckDelay: 25_000, reordering: 1 } as const;
    acks.policy.handleFrame(older, micros(1_000));
    expect(acks.policy.threshold).toBe(4);
  });

  test.each([
    ["below min_ack_delay", 10],
    ["of 2^14 ms", 16_384_000],
  ])("a delay %s closes the connection with PROTOCOL_VIOLATION", (_what, delay) => {
    const peer = new HostilePeer({ role: "client", victim: ON }).handshake();
    expect(peer.send(oneRtt, [frame(0, delay)]).close?.code).toBe(TRANSPORT_ERRORS.PROTOCOL_VIOLATION.code);
  });

  test("are unknown to a peer that did not announce min_ack_delay", () => {
    for (const unknown of [frame(0, 25_000), { type: "immediate-ack" } as const]) {
      const peer = new HostilePeer({ role: "client" }).handshake();
      expect(peer.send(oneRtt, [unknown]).close?.code).toBe(TRANSPORT_ERRORS.FRAME_ENCODING_ERROR.code);
    }
  });

  test("a min_ack_delay above max_ack_delay is a TRANSPORT_PARAMETER_ERROR", () => {
    const parameters = { minAckDelay: millis(30), maxAckDelay: millis(25) };
    const peer = new HostilePeer({ role: "client", victim: ON, parameters }).handshake();
    expect(peer.close?.code).toBe(TRANSPORT_ERRORS.TRANSPORT_PARAMETER_ERROR.code);
  });

  /** Downloads and counts the datagrams of the receiver. */
  function download(options: PairOptions): { readonly answers: number; readonly pair: Pair } {
    const pair = new Pair({ ...options, delay: millis(20) });
    let received = 0;
    pair.onEvent = (side, connection, event) => {
      if (side === "server" || event.type !== "stream-readable") return;
      for (let chunk = connection.read(event.id); chunk !== undefined; chunk = connection.read(event.id)) {
        received += chunk.bytes.length;
      }
    };
    pair.connect();
    const before = pair.sent["to-server"].length;
    pair.peer!.write(pair.peer!.openStream("uni")!, new Uint8Array(2_000_000), true);
    pair.run(() => received === 2_000_000, millis(10_000));
    expect(received).toBe(2_000_000);
    return { answers: pair.sent["to-server"].length - before, pair };
  }

  test("a large download needs a fraction of the acknowledgements", () => {
    const usual = download({});
    const few = download({ client: ON, server: ON });
    expect(few.answers).toBeLessThan(usual.answers / 3);
    // At least some per round trip.
    expect(few.answers).toBeGreaterThan(50);
    expect(few.pair.peer!.stats.probeTimeouts).toBe(0);
  });

  test("lost ones are asked for again, and nothing stalls", () => {
    const lossy = download({
      client: ON,
      server: ON,
      wire: (datagram, _to, index) => (index % 41 === 40 ? undefined : datagram),
    });
    expect(lossy.pair.peer!.paths.primary.ackRequests.maxAckDelay).toBeLessThanOrEqual(millis(25));
  });

  test("a probe asks for an immediate acknowledgement (§5)", () => {
    const peer = new HostilePeer({ role: "client", victim: ON, parameters: { minAckDelay: millis(1) } }).handshake();
    peer.isSilent = true;
    peer.connection.write(peer.connection.openStream("uni")!, new Uint8Array(10), false);
    peer.poll().wait(millis(5_000));
    expect(peer.frames.map(({ frame: sent }) => sent.type)).toContain("immediate-ack");
  });
});
