/** RESET_STREAM_AT (draft-ietf-quic-reliable-stream-reset). */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { TRANSPORT_ERRORS } from "../errors.ts";
import type { Frame } from "../frame/index.ts";
import { SendSource } from "./send-source.ts";
import {
  at,
  drain,
  framesOf,
  pattern,
  settle,
  streamPair,
  TEST_LIMITS,
  type TestPacket,
  TestSide,
} from "./testing/stream-pair.ts";

const stream = (offset: number, data: Uint8Array, fin = false): Frame => ({ type: "stream", id: 0, offset, data, fin });
const resetAt = (finalSize: number, reliableSize: number, code = 9): Frame => ({
  type: "reset-stream-at",
  id: 0,
  code,
  finalSize,
  reliableSize,
});
const resets = (side: TestSide) => side.takeEvents().filter(({ type }) => type === "stream-reset");

describe("the sender", () => {
  it("delivers the reliable part, then the reset, and is finished when both are acknowledged", () => {
    const pair = streamPair();
    const { client, server } = pair;
    const id = client.set.openStream("uni")!;
    client.set.write(id, pattern(30_000), false);
    client.set.reset(id, 9, 10_000);
    settle(pair);
    expect(drain(server, id)).toEqual({ bytes: pattern(10_000), fin: false });
    expect(resets(server)).toEqual([{ type: "stream-reset", id, code: 9 }]);
    expect([client.set.activeStreams, server.set.activeStreams]).toEqual([0, 0]);
    expect(client.set.bytesBuffered).toBe(0);
  });

  it("announces what was sent as the final size, also if that is more", () => {
    const { client } = streamPair();
    const id = client.set.openStream("uni")!;
    client.set.write(id, pattern(20_000), false);
    client.packet();
    const used = client.set.bytesSent;
    client.set.reset(id, 9, 100);
    expect(framesOf(client.packet()!)).toEqual([
      { type: "reset-stream-at", id, code: 9, finalSize: used, reliableSize: 100 },
    ]);
    expect(client.packet()).toBeUndefined();
  });

  it("repeats lost bytes of the reliable part only", () => {
    const { client } = streamPair();
    const id = client.set.openStream("uni")!;
    client.set.write(id, pattern(5_000), false);
    const sent = client.packets();
    client.set.reset(id, 9, 1_500);
    for (const packet of sent) client.lost(packet);
    const repeated = client
      .packets()
      .flatMap(framesOf)
      .filter((frame) => frame.type === "stream");
    expect(repeated.reduce((sum, frame) => sum + frame.data.length, 0)).toBe(1_500);
  });

  it("uses RESET_STREAM if the peer does not support it", () => {
    const client = new TestSide("client");
    client.set.setPeerLimits({
      initialMaxData: 1_000,
      initialMaxStreamDataBidiLocal: 1_000,
      initialMaxStreamDataBidiRemote: 1_000,
      initialMaxStreamDataUni: 1_000,
      initialMaxStreamsBidi: 1,
      initialMaxStreamsUni: 1,
    });
    const id = client.set.openStream("uni")!;
    client.set.write(id, pattern(100), false);
    client.set.reset(id, 9, 50);
    expect(client.packets().flatMap(framesOf)).toEqual([{ type: "reset-stream", id, code: 9, finalSize: 0 }]);
  });

  it("uses RESET_STREAM if the stream has no credit for the reliable part", () => {
    const { client } = streamPair({ server: { initialMaxStreamData: 1_000 } });
    const id = client.set.openStream("uni")!;
    client.set.write(id, pattern(2_000), false);
    client.packets();
    client.set.reset(id, 9, 1_500);
    expect(client.packets().flatMap(framesOf)).toEqual([{ type: "reset-stream", id, code: 9, finalSize: 1_000 }]);
  });

  it("gives up the reliable part on STOP_SENDING, with the same code", () => {
    const pair = streamPair();
    const { client } = pair;
    const id = client.set.openStream("uni")!;
    client.set.write(id, pattern(3_000), false);
    client.packets();
    client.set.reset(id, 9, 2_000);
    client.packets();
    client.takeEvents();
    client.handle({ type: "stop-sending", id, code: 4 });
    expect(client.set.bytesBuffered).toBe(0);
    expect(client.packets().flatMap(framesOf)).toEqual([{ type: "reset-stream", id, code: 9, finalSize: 3_000 }]);
    expect(client.takeEvents()).toEqual([]);
  });

  it("releases the sources of bytes beyond the reliable part at once", () => {
    const { client } = streamPair();
    const id = client.set.openStream("uni")!;
    const released: number[] = [];
    for (const [index, length] of [1_000, 1_000, 1_000].entries()) {
      const source = new SendSource(pattern(length), () => released.push(index));
      client.set.write(id, source, false);
      source.release();
    }
    client.set.reset(id, 9, 1_500);
    expect(released).toEqual([2]);
  });
});

describe("the receiver", () => {
  it("reports the reset once the reliable part has been read, and drops the rest", () => {
    const { server } = streamPair();
    server.handle(stream(0, pattern(4_000)));
    server.handle(resetAt(6_000, 2_000));
    expect(resets(server)).toEqual([]);
    expect(server.set.read(0, 1_500)?.bytes).toEqual(pattern(1_500));
    expect(resets(server)).toEqual([]);
    expect(drain(server, 0).bytes).toEqual(pattern(4_000).subarray(1_500, 2_000));
    expect(resets(server)).toEqual([{ type: "stream-reset", id: 0, code: 9 }]);
    expect(server.set.bytesConsumed).toBe(6_000);
  });

  it("waits for bytes of the reliable part that arrive later", () => {
    const { server } = streamPair();
    server.handle(resetAt(3_000, 2_000));
    server.handle(stream(1_000, pattern(1_500)));
    expect(drain(server, 0).bytes).toHaveLength(0);
    server.handle(stream(0, pattern(1_000)));
    expect(drain(server, 0).bytes).toHaveLength(2_000);
    expect(resets(server)).toHaveLength(1);
  });

  it("reports it at once if the reliable part was read before", () => {
    const { server } = streamPair();
    server.handle(stream(0, pattern(1_000)));
    drain(server, 0);
    server.handle(resetAt(5_000, 1_000));
    expect(resets(server)).toHaveLength(1);
  });

  it("takes the smallest reliable size, in any order, and RESET_STREAM as zero", () => {
    const { server } = streamPair();
    server.handle(resetAt(5_000, 1_000));
    server.handle(resetAt(5_000, 3_000));
    server.handle(stream(0, pattern(5_000)));
    expect(drain(server, 0).bytes).toHaveLength(1_000);
    const { server: other } = streamPair();
    other.handle(resetAt(5_000, 1_000));
    other.handle({ type: "reset-stream", id: 0, code: 9, finalSize: 5_000 });
    expect(resets(other)).toHaveLength(1);
  });

  it.each<[string, Frame[], keyof typeof TRANSPORT_ERRORS]>([
    ["another final size", [resetAt(10, 5), resetAt(11, 5)], "FINAL_SIZE_ERROR"],
    ["a final size below received data", [stream(0, pattern(20)), resetAt(10, 5)], "FINAL_SIZE_ERROR"],
    ["another code", [resetAt(10, 5), resetAt(10, 5, 8)], "STREAM_STATE_ERROR"],
    ["data beyond the final size", [resetAt(10, 5), stream(8, pattern(5))], "FINAL_SIZE_ERROR"],
    [
      "a final size beyond the stream's limit",
      [resetAt(TEST_LIMITS.initialMaxStreamData + 1, 5)],
      "FLOW_CONTROL_ERROR",
    ],
  ])("%s is an error of the connection", (_, frames, code) => {
    const { server } = streamPair();
    const last = frames.pop()!;
    for (const frame of frames) server.handle(frame);
    expect(() => server.handle(last)).toThrow(expect.objectContaining({ code: TRANSPORT_ERRORS[code].code }));
  });

  it("a stream that is reset at its final size does not look complete", () => {
    const { server } = streamPair();
    server.handle(resetAt(100, 100));
    server.handle(stream(0, pattern(100), true));
    expect(drain(server, 0)).toEqual({ bytes: pattern(100), fin: false });
    expect(resets(server)).toHaveLength(1);
  });

  it("a stream that was received completely is delivered completely", () => {
    const { server } = streamPair();
    server.handle(stream(0, pattern(100), true));
    server.handle(resetAt(100, 10));
    expect(drain(server, 0)).toEqual({ bytes: pattern(100), fin: true });
    expect(resets(server)).toEqual([]);
  });
});

it("whatever is lost, the receiver gets the reliable part and the reset, and both sides finish", () => {
  const packetFates = fc.array(fc.constantFrom("deliver", "lose", "late"), { minLength: 5, maxLength: 60 });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20_000 }),
      fc.integer({ min: 0, max: 20_000 }),
      fc.integer({ min: 0, max: 6 }),
      packetFates,
      (written, wanted, before, fates) => {
        const pair = streamPair();
        const { client, server } = pair;
        const id = client.set.openStream("uni")!;
        const reliable = Math.min(wanted, written);
        client.set.write(id, pattern(written), false);
        const late: TestPacket[] = [];
        const received: number[] = [];
        const read = (): void => {
          if (server.events.some((event) => event.type === "stream-opened")) received.push(...drain(server, id).bytes);
        };
        let index = 0;
        const pass = (packet: TestPacket): void => {
          const fate = fates[index++ % fates.length];
          if (fate === "lose") client.lost(packet);
          else if (fate === "late") late.push(packet);
          else {
            server.receive(packet, at(0));
            client.acked(packet);
          }
          read();
        };
        for (let count = 0; count < before; count += 1) {
          const packet = client.packet();
          if (packet !== undefined) pass(packet);
        }
        client.set.reset(id, 9, reliable);
        for (let count = 0; count < 20; count += 1) {
          const packet = client.packet();
          if (packet !== undefined) pass(packet);
        }
        for (const packet of late) {
          server.receive(packet, at(0));
          client.acked(packet);
          read();
        }
        settle(pair);
        read();
        settle(pair);
        expect(received.length).toBeGreaterThanOrEqual(reliable);
        expect(Uint8Array.from(received)).toEqual(pattern(written).subarray(0, received.length));
        expect(resets(server)).toHaveLength(1);
        expect([client.set.activeStreams, server.set.activeStreams]).toEqual([0, 0]);
        expect([client.set.bytesBuffered, client.set.sendMemory]).toEqual([0, 0]);
      },
    ),
    { numRuns: runs(200) },
  );
});
