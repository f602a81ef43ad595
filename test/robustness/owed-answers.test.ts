/** Rows 1-3, 12: each frame of the peer requires a response, and the peer prevents us from sending it. */

import { describe, expect, test } from "vitest";
import { millis, seconds } from "../../src/base/time.ts";
import { TRANSPORT_ERRORS } from "../../src/quic/errors.ts";
import type { Frame } from "../../src/quic/frame/frames.ts";
import { EncryptionLevel } from "../../src/tls/index.ts";
import { attacker, growth, MIB, sent } from "./attack.ts";

const { oneRtt } = EncryptionLevel;
const times = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

describe("row 1: PATH_CHALLENGE flood", () => {
  const flood = times(140, (i): Frame => ({ type: "path-challenge", data: new Uint8Array(8).fill(i) }));

  test("without acknowledgements queues 64 responses, and the connection stays open", () => {
    const peer = attacker();
    peer.isSilent = true;
    const used = growth(() => {
      for (let i = 0; i < 200; i += 1) peer.send(oneRtt, flood);
      peer.frames.length = 0;
      peer.datagrams.length = 0;
      return peer;
    });
    expect(used).toBeLessThan(MIB);
    // The congestion window is full: only probes are sent from here on.
    const { congestionWindow } = peer.connection.route.controller;
    peer.send(oneRtt, flood);
    expect(sent(peer, "path-response").length).toBeLessThanOrEqual(64);
    expect(congestionWindow).toBeLessThan(100_000);
    peer.frames.length = 0;
    peer.isSilent = false;
    peer.send(oneRtt, [{ type: "ping" }]).wait(seconds(2));
    expect(sent(peer, "path-response").length).toBeLessThanOrEqual(64);
    expect(peer.connection.isOpen).toBe(true);
  });

  test("is subject to congestion control, and no response is sent twice", () => {
    const peer = attacker();
    peer.isSilent = true;
    for (let i = 0; i < 2_000; i += 1) {
      peer.send(oneRtt, [{ type: "path-challenge", data: Uint8Array.of(i >> 8, i, 0, 0, 0, 0, 0, 0) }]);
    }
    // Acknowledgements are still sent, but only as many responses as fit the window, in packets of about 40 bytes.
    expect(sent(peer, "path-response").length).toBeLessThan(500);
    peer.wait(seconds(3));
    const answers = sent(peer, "path-response").map(({ data }) => data.join());
    expect(new Set(answers).size).toBe(answers.length);
  });
});

describe("row 2: NEW_CONNECTION_ID stuffing", () => {
  const newId = (sequence: number, retirePriorTo: number): Frame => ({
    type: "new-connection-id",
    sequence,
    retirePriorTo,
    connectionId: Uint8Array.of(9, 9, 9, 9, 0, 0, sequence >> 8, sequence),
    resetToken: new Uint8Array(16).fill(sequence),
  });

  test("leaves 16 retirements pending, and the next closes the connection", () => {
    const peer = attacker({ silent: true });
    for (let sequence = 1; sequence <= 16; sequence += 1) peer.send(oneRtt, [newId(sequence, sequence)]);
    expect(peer.connection.isOpen).toBe(true);
    peer.send(oneRtt, [newId(17, 17)]);
    expect(peer.close?.code).toBe(TRANSPORT_ERRORS.CONNECTION_ID_LIMIT_ERROR.code);
  });

  test("with one sequence number below Retire Prior To is one retirement, however often it is repeated", () => {
    const peer = attacker();
    peer.send(oneRtt, [newId(255, 255)]);
    peer.isSilent = true;
    const used = growth(() => {
      const copies = times(35, () => newId(5, 0));
      for (let i = 0; i < 300; i += 1) peer.send(oneRtt, copies);
      peer.datagrams.length = 0;
      return peer;
    });
    expect(used).toBeLessThan(MIB);
    expect(sent(peer, "retire-connection-id").filter(({ sequence }) => sequence === 5)).toHaveLength(1);
    expect(peer.connection.isOpen).toBe(true);
  });

  test("with changing IDs, all acknowledged, keeps one reset token and a few IDs", () => {
    const peer = attacker();
    const used = growth(() => {
      for (let sequence = 1; sequence <= 1_000; sequence += 1) {
        peer.send(oneRtt, [newId(sequence, sequence)]).wait(millis(2));
        peer.frames.length = 0;
        peer.datagrams.length = 0;
      }
      return peer;
    });
    expect(peer.connection.isOpen).toBe(true);
    expect(used).toBeLessThan(MIB);
  });
});

describe("row 3: endless RETIRE_CONNECTION_ID", () => {
  test("issues one new ID for each, and at most four at a time", () => {
    const peer = attacker({ parameters: { activeConnectionIdLimit: 8 } });
    const rounds = 500;
    for (let round = 0; round < rounds; round += 1) {
      const next = sent(peer, "new-connection-id").find(({ sequence }) => sequence === round + 1)!;
      peer.destination = next.connectionId;
      peer.send(oneRtt, [{ type: "retire-connection-id", sequence: round }]).wait(millis(2));
      expect([...peer.connection.paths.primary.localIds]).toHaveLength(4);
    }
    expect(sent(peer, "new-connection-id")).toHaveLength(3 + rounds);
    expect(peer.connection.isOpen).toBe(true);
  });

  test("for IDs not sent yet closes the connection", () => {
    const peer = attacker();
    peer.send(
      oneRtt,
      times(300, (i) => ({ type: "retire-connection-id", sequence: i + 1 })),
    );
    expect(peer.close?.code).toBe(TRANSPORT_ERRORS.PROTOCOL_VIOLATION.code);
    expect(sent(peer, "new-connection-id").length).toBeLessThanOrEqual(3);
  });
});

test("row 12: ten thousand STOP_SENDING cause one RESET_STREAM", () => {
  const peer = attacker();
  const id = peer.connection.openStream("uni")!;
  peer.connection.write(id, new Uint8Array(100), false);
  peer.poll();
  const stops = times(100, (): Frame => ({ type: "stop-sending", id, code: 1 }));
  for (let i = 0; i < 100; i += 1) peer.send(oneRtt, stops);
  expect(sent(peer, "reset-stream")).toHaveLength(1);
  expect(peer.events.filter(({ type }) => type === "stream-stopped")).toHaveLength(1);
  expect(peer.connection.isOpen).toBe(true);
});
