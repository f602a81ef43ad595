/**
 * Whatever frames a peer sends and whatever the application does, there is either one ProtocolError, or everything
 * stays consistent.
 */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { ProtocolError } from "../../base/errors.ts";
import type { Frame } from "../frame/index.ts";
import { at, framesOf, streamPair, type TestPacket, type TestSide } from "./testing/stream-pair.ts";

const limits = {
  initialMaxStreamData: 2_000,
  initialMaxData: 5_000,
  initialMaxStreamsBidi: 3,
  initialMaxStreamsUni: 2,
  sendBufferPerStream: 1_500,
  sendBufferPerConnection: 3_000,
  maxChunksPerStream: 4,
  maxChunksPerConnection: 6,
};

const id = fc.oneof({ arbitrary: fc.integer({ min: 0, max: 17 }), weight: 20 }, fc.constant(2 ** 52));
const offset = fc.oneof(
  { arbitrary: fc.integer({ min: 0, max: 2_100 }), weight: 20 },
  fc.constantFrom(2 ** 53, 2 ** 62 - 1),
);
const direction = fc.constantFrom("bidi", "uni");
const frame: fc.Arbitrary<Frame> = fc.oneof(
  {
    arbitrary: fc.record({
      type: fc.constant("stream"),
      id,
      offset,
      data: fc.uint8Array({ maxLength: 60 }),
      fin: fc.boolean(),
    }),
    weight: 6,
  },
  fc.record({ type: fc.constant("reset-stream"), id, code: fc.nat(), finalSize: offset }),
  fc
    .record({ type: fc.constant("reset-stream-at"), id, code: fc.nat(3), finalSize: offset, reliableSize: offset })
    .map((reset) => ({ ...reset, reliableSize: Math.min(reset.reliableSize, reset.finalSize) })),
  fc.record({ type: fc.constant("stop-sending"), id, code: fc.nat() }),
  fc.record({ type: fc.constant("max-data"), maximum: offset }),
  fc.record({ type: fc.constant("max-stream-data"), id, maximum: offset }),
  fc.record({ type: fc.constant("max-streams"), direction, maximum: fc.nat(6) }),
  fc.record({ type: fc.constant("data-blocked"), limit: offset }),
  fc.record({ type: fc.constant("stream-data-blocked"), id, limit: offset }),
  fc.record({ type: fc.constant("streams-blocked"), direction, limit: offset }),
) as fc.Arbitrary<Frame>;

type Step =
  | { readonly do: "frame"; readonly frame: Frame }
  | { readonly do: "open"; readonly direction: "bidi" | "uni" }
  | { readonly do: "write"; readonly pick: number; readonly length: number; readonly fin: boolean }
  | { readonly do: "read" | "reset" | "stop"; readonly pick: number }
  | { readonly do: "send" | "ack" | "lose"; readonly pick: number };

const pick = fc.nat(1_000);
const step: fc.Arbitrary<Step> = fc.oneof(
  { arbitrary: fc.record({ do: fc.constant("frame"), frame }), weight: 8 },
  fc.record({ do: fc.constant("open"), direction }),
  { arbitrary: fc.record({ do: fc.constant("write"), pick, length: fc.nat(900), fin: fc.boolean() }), weight: 3 },
  { arbitrary: fc.record({ do: fc.constantFrom("read", "reset", "stop"), pick }), weight: 3 },
  { arbitrary: fc.record({ do: fc.constantFrom("send", "ack", "lose"), pick }), weight: 6 },
) as fc.Arbitrary<Step>;

class Fuzzed {
  readonly side: TestSide = streamPair({ server: limits, client: limits }).server;
  /** Streams that the application knows about. */
  readonly #ids: number[] = [];
  readonly #inFlight: TestPacket[] = [];

  run(action: Step): void {
    const { set } = this.side;
    switch (action.do) {
      case "frame":
        this.side.handle(action.frame);
        break;
      case "open": {
        const opened = set.openStream(action.direction);
        if (opened !== undefined) this.#ids.push(opened);
        break;
      }
      case "write":
        this.#onStream(action.pick, "send", (stream) => {
          const length = Math.min(action.length, set.writableBytes(stream));
          set.write(stream, new Uint8Array(length), action.fin);
        });
        break;
      case "read":
        this.#onStream(action.pick, "receive", (stream) => set.read(stream, 300));
        break;
      case "reset":
        this.#onStream(action.pick, "send", (stream) => set.reset(stream, 1));
        break;
      case "stop":
        this.#onStream(action.pick, "receive", (stream) => set.stopSending(stream, 1));
        break;
      case "send":
        this.#send();
        break;
      default: {
        const packet = this.#inFlight[action.pick % this.#inFlight.length];
        if (packet === undefined) break;
        if (action.do === "ack") this.side.acked(packet);
        else this.side.lost(packet);
      }
    }
    for (const event of this.side.takeEvents()) if (event.type === "stream-opened") this.#ids.push(event.id);
  }

  #onStream(pick: number, part: "send" | "receive", act: (id: number) => unknown): void {
    const known = this.#ids.filter((id) => id % 4 < 2 || (id % 2 === 1) === (part === "send"));
    if (known.length > 0) act(known[pick % known.length]!);
  }

  /** Checks that there is always something to write when the set says so. */
  #send(): void {
    const packet = this.side.packet(150, at(0));
    if (packet === undefined) return;
    expect(packet.frames.length).toBeGreaterThan(0);
    expect(framesOf(packet).length).toBe(packet.frames.length);
    this.#inFlight.push(packet);
  }

  /** Sends everything that is pending, and acknowledges it. */
  finish(): void {
    const { set } = this.side;
    for (const id of this.#ids) {
      if (id % 4 < 2 || id % 2 === 1) set.reset(id, 0);
      if (id % 4 < 2 || id % 2 === 0) set.stopSending(id, 0);
    }
    while (set.hasControlFrames || set.hasStreamData) this.#send();
    for (const packet of this.#inFlight) this.side.acked(packet);
    expect(set.bytesBuffered).toBe(0);
    expect(set.hasStreamData).toBe(false);
    expect(set.activeStreams).toBeLessThanOrEqual(this.#ids.length);
  }
}

describe("any sequence of frames, commands, losses and acknowledgements", () => {
  it("ends in one ProtocolError or in a consistent state", () => {
    let completed = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const fuzzed = new Fuzzed();
        try {
          for (const action of steps) {
            fuzzed.run(action);
            expect(fuzzed.side.set.bytesBuffered).toBeLessThanOrEqual(limits.sendBufferPerConnection);
          }
        } catch (error) {
          if (error instanceof ProtocolError && error.layer === "transport") return;
          throw error;
        }
        fuzzed.finish();
        completed += 1;
      }),
      { numRuns: runs(3_000) },
    );
    expect(completed).toBeGreaterThan(100);
  });
});
