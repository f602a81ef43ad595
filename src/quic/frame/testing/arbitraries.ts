/** Random frames for property tests and fuzzing: every legal value of every frame. */

import fc from "fast-check";
import { type VarInt, wideInt } from "../../../wire/varint.ts";
import type { AckFrame, EcnCounts, Frame, FrameType } from "../frames.ts";

/** Values of every encoded length, up to what a double holds exactly. */
export const integer: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: 0, max: 0x3f }),
  fc.integer({ min: 0, max: 0x3fff }),
  fc.integer({ min: 0, max: 0x3fff_ffff }),
  fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
);

/** Codes use all 62 bits. */
export const code: fc.Arbitrary<VarInt> = fc.oneof(
  integer,
  fc
    .tuple(fc.integer({ min: 2 ** 21, max: 2 ** 30 - 1 }), fc.integer({ min: 0, max: 2 ** 32 - 1 }))
    .map(([high, low]) => wideInt(high, low)),
);

const data = fc.uint8Array({ maxLength: 100 });
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const direction = fc.constantFrom("bidi", "uni");
const streamCount = fc.oneof(integer, fc.constant(2 ** 60));
const ecn: fc.Arbitrary<EcnCounts | undefined> = fc.option(fc.record({ ect0: integer, ect1: integer, ce: integer }), {
  nil: undefined,
});

/** Built from the lowest range up: alternating lengths of ranges and gaps, each at least one packet. */
const ack: fc.Arbitrary<AckFrame> = fc
  .record({
    lowest: fc.integer({ min: 0, max: 2 ** 50 }),
    steps: fc.array(fc.integer({ min: 1, max: 100_000 }), { minLength: 1, maxLength: 61 }),
    delay: integer,
    ecn,
  })
  .map(({ lowest, steps, delay, ecn }) => {
    const ranges: number[] = [];
    let next = lowest;
    for (let i = 0; i < steps.length; i += 2) {
      ranges.unshift(next, next + steps[i]! - 1);
      next += steps[i]! + (steps[i + 1] ?? 0);
    }
    return { type: "ack", largest: ranges[1]!, delay, ranges, ecn };
  });

export const frameArbitraries: { readonly [T in FrameType]: fc.Arbitrary<Extract<Frame, { type: T }>> } = {
  padding: fc.record({ type: fc.constant("padding"), length: fc.integer({ min: 1, max: 300 }) }),
  ping: fc.record({ type: fc.constant("ping") }),
  ack,
  "reset-stream": fc.record({ type: fc.constant("reset-stream"), id: integer, code, finalSize: integer }),
  "reset-stream-at": fc
    .record({ type: fc.constant("reset-stream-at"), id: integer, code, finalSize: integer, reliableSize: integer })
    .map((frame) => ({ ...frame, reliableSize: Math.min(frame.reliableSize, frame.finalSize) })),
  "stop-sending": fc.record({ type: fc.constant("stop-sending"), id: integer, code }),
  crypto: fc.record({ type: fc.constant("crypto"), offset: integer, data }),
  "new-token": fc.record({ type: fc.constant("new-token"), token: fc.uint8Array({ minLength: 1, maxLength: 100 }) }),
  stream: fc.record({ type: fc.constant("stream"), id: integer, offset: integer, data, fin: fc.boolean() }),
  "max-data": fc.record({ type: fc.constant("max-data"), maximum: integer }),
  "max-stream-data": fc.record({ type: fc.constant("max-stream-data"), id: integer, maximum: integer }),
  "max-streams": fc.record({ type: fc.constant("max-streams"), direction, maximum: streamCount }),
  "data-blocked": fc.record({ type: fc.constant("data-blocked"), limit: integer }),
  "stream-data-blocked": fc.record({ type: fc.constant("stream-data-blocked"), id: integer, limit: integer }),
  "streams-blocked": fc.record({ type: fc.constant("streams-blocked"), direction, limit: streamCount }),
  "new-connection-id": fc
    .record({
      type: fc.constant("new-connection-id"),
      sequence: integer,
      retirePriorTo: integer,
      connectionId: fc.uint8Array({ minLength: 1, maxLength: 20 }),
      resetToken: bytes(16),
    })
    .map((frame) => ({ ...frame, retirePriorTo: Math.min(frame.retirePriorTo, frame.sequence) })),
  "retire-connection-id": fc.record({ type: fc.constant("retire-connection-id"), sequence: integer }),
  "path-challenge": fc.record({ type: fc.constant("path-challenge"), data: bytes(8) }),
  "path-response": fc.record({ type: fc.constant("path-response"), data: bytes(8) }),
  "connection-close": fc
    .record({
      type: fc.constant("connection-close"),
      layer: fc.constantFrom("transport", "application"),
      code,
      frameType: code,
      phrase: data,
    })
    .map((frame) => (frame.layer === "transport" ? frame : { ...frame, frameType: 0 })),
  "immediate-ack": fc.record({ type: fc.constant("immediate-ack") }),
  "ack-frequency": fc.record({
    type: fc.constant("ack-frequency"),
    sequence: integer,
    threshold: integer,
    maxAckDelay: integer,
    reordering: integer,
  }),
  datagram: fc.record({ type: fc.constant("datagram"), data, hasLength: fc.boolean() }),
  "handshake-done": fc.record({ type: fc.constant("handshake-done") }),
};

export const anyFrame: fc.Arbitrary<Frame> = fc.oneof(...Object.values<fc.Arbitrary<Frame>>(frameArbitraries));
