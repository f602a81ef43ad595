/** Requests whose head does not arrive completely: counted, and answered with 408 on command. */

import { describe, expect, test } from "vitest";
import { fromHex } from "../wire/hex.ts";
import { H3_ERRORS } from "./errors.ts";
import { FrameType } from "./frames.ts";
import { StreamClaims } from "./stream-claims.ts";
import { frame, headers, RawPeer, REQUEST, section } from "./testing/raw-peer.ts";

test("a stream without a byte counts, even if an extension's streams are told apart by their first integer", () => {
  const claims = new StreamClaims();
  claims.claim("bidi", 0x41, { handleStream: () => {}, handleEvent: () => {} });
  const peer = new RawPeer("server", { claims });
  peer.openControl();
  const [empty, half] = [peer.openRequest(), peer.openRequest()];
  peer.send(half, fromHex("40"));
  const server = peer.victim.connection;
  expect([server.incompleteHeads, server.nextRequestId, server.nextStreamId]).toEqual([2, 0, half + 4]);
  server.refuseIncompleteHeads(server.nextStreamId);
  peer.run();
  const answers = peer.victim.transport.writes.filter((write) => [empty, half].includes(write.id));
  expect(answers.map(({ id, fin }) => [id, fin])).toEqual([
    [empty, true],
    [half, true],
  ]);
  expect(server.incompleteHeads).toBe(0);
});

describe("a head that does not arrive completely", () => {
  const head = headers([...REQUEST, ["x", "y".repeat(1000)]]);
  const part = head.slice(0, 600);

  test("is answered with 408, and earlier complete ones are not", () => {
    const peer = new RawPeer("server");
    peer.openControl();
    const [complete, late, inTime] = [peer.openRequest(), peer.openRequest(), peer.openRequest()];
    peer.send(complete, head).send(late, part).send(inTime, part);
    const server = peer.victim.connection;
    expect([server.incompleteHeads, server.nextRequestId]).toEqual([2, inTime + 4]);
    server.refuseIncompleteHeads(inTime);
    peer.run();
    const answers = peer.victim.transport.writes.filter((write) => [complete, late, inTime].includes(write.id));
    expect(answers.map(({ id, fin }) => [id, fin])).toEqual([[late, true]]);
    expect(answers[0]!.bytes).toEqual(
      headers([
        [":status", "408"],
        ["content-length", "0"],
      ]),
    );
    expect([...peer.victim.transport.stops]).toEqual([[late, H3_ERRORS.H3_NO_ERROR.code]]);
    expect(server.incompleteHeads).toBe(1);
    // The rest arrives too late.
    peer.send(late, head.slice(600)).send(inTime, head.slice(600));
    expect(peer.victim.of("request").map(({ id }) => id)).toEqual([complete, inTime]);
  });

  test("and waits for an insertion is answered too, and its section is dropped", () => {
    const peer = new RawPeer("server");
    peer.openControl();
    const id = peer.openRequest();
    // RFC 9204 §4.5: Required Insert Count 1, then the newest entry of the dynamic table.
    peer.send(id, frame(FrameType.HEADERS, fromHex("020080")));
    const server = peer.victim.connection;
    expect([server.incompleteHeads, server.bytesHeld]).toEqual([1, 3]);
    server.refuseIncompleteHeads(server.nextRequestId);
    expect([server.incompleteHeads, server.bytesHeld, server.openRequests]).toEqual([0, 0, 0]);
  });

  test("counts as held memory", () => {
    const peer = new RawPeer("server");
    peer.openControl();
    for (const byte of [0, 1, 2]) peer.send(peer.openRequest(), head.slice(0, 500 + byte));
    const framing = head.length - section([...REQUEST, ["x", "y".repeat(1000)]]).length;
    expect(peer.victim.connection.bytesHeld).toBe(1503 - 3 * framing);
  });
});
