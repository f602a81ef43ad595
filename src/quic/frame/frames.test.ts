import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { ProtocolError } from "../../base/errors.ts";
import { RangeSet } from "../../base/range-set.ts";
import { EncryptionLevel } from "../../tls/handshake.ts";
import { fromHex } from "../../wire/hex.ts";
import { Reader } from "../../wire/reader.ts";
import { utf8 } from "../../wire/text.ts";
import { wideInt } from "../../wire/varint.ts";
import { Writer } from "../../wire/writer.ts";
import { TRANSPORT_ERRORS, type TransportErrorName } from "../errors.ts";
import {
  type AckFrame,
  emitAck,
  emitConnectionClose,
  emitFrame,
  emitStream,
  type Frame,
  parseFrame,
  streamFrameOverhead,
} from "./index.ts";
import { anyFrame, frameArbitraries, integer } from "./testing/arbitraries.ts";

const LEVELS = [EncryptionLevel.initial, EncryptionLevel.handshake, EncryptionLevel.oneRtt] as const;

function emitted(frame: Frame): Uint8Array {
  const writer = new Writer(new Uint8Array(2_000));
  emitFrame(writer, frame);
  return writer.written().slice();
}

const parse = (bytes: Uint8Array, level: EncryptionLevel = EncryptionLevel.oneRtt): Frame =>
  parseFrame(new Reader(bytes), level);

/** The name of the transport error thrown by the parser. */
function refusal(bytes: Uint8Array): string | undefined {
  try {
    parse(bytes);
    return undefined;
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.layer !== "transport") throw error;
    const names = Object.keys(TRANSPORT_ERRORS) as TransportErrorName[];
    return names.find((name) => TRANSPORT_ERRORS[name].code === error.code);
  }
}

describe("parse(emit(frame)) = frame", () => {
  it.each(Object.entries<fc.Arbitrary<Frame>>(frameArbitraries))("%s", (_, arbitrary) => {
    fc.assert(
      fc.property(arbitrary, (frame) => {
        const reader = new Reader(emitted(frame));
        expect(parseFrame(reader, EncryptionLevel.oneRtt)).toEqual(frame);
        expect(reader.isAtEnd).toBe(true);
      }),
    );
  });

  it("several frames in a row", () => {
    // Adjacent PADDING frames are read as one, and a DATAGRAM frame without a length takes all that follows.
    const frames = fc.array(
      anyFrame.filter((frame) => frame.type !== "padding" && (frame.type !== "datagram" || frame.hasLength)),
      { maxLength: 10 },
    );
    fc.assert(
      fc.property(frames, (frames) => {
        const writer = new Writer(new Uint8Array(20_000));
        for (const frame of frames) emitFrame(writer, frame);
        const reader = new Reader(writer.bytes, 0, writer.position);
        const read: Frame[] = [];
        while (!reader.isAtEnd) read.push(parseFrame(reader, EncryptionLevel.oneRtt));
        expect(read).toEqual(frames);
      }),
    );
  });
});

describe("malformed frames", () => {
  it.each(Object.entries<fc.Arbitrary<Frame>>(frameArbitraries))(
    "%s truncated at any byte is a FRAME_ENCODING_ERROR",
    (type, arbitrary) => {
      // A truncated run of PADDING is a shorter run.
      if (type === "padding") return expect(parse(fromHex("000000"))).toEqual({ type: "padding", length: 3 });
      for (const frame of fc.sample(arbitrary, { numRuns: 20, seed: 1 })) {
        // A frame without a length ends with the packet.
        const bytes = emitted(frame.type === "datagram" ? { ...frame, hasLength: true } : frame);
        for (let end = 1; end < bytes.length; end += 1) {
          expect(refusal(bytes.subarray(0, end))).toBe("FRAME_ENCODING_ERROR");
        }
      }
    },
  );

  it("any bytes at any level yield a frame or a ProtocolError, and the reader stays in bounds", () => {
    const start = fc.oneof(fc.integer({ min: 0, max: 0x1e }), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 60 }), fc.constantFrom(...LEVELS), (first, rest, level) => {
        const bytes = Uint8Array.of(first, ...rest);
        const reader = new Reader(bytes);
        try {
          const frame = parseFrame(reader, level);
          expect(reader.position).toBeGreaterThan(0);
          expect(reader.position).toBeLessThanOrEqual(bytes.length);
          // Anything that was parsed can be written again, unless it uses numbers that a double cannot hold.
          const again = parse(emitted(frame));
          const isExact = JSON.stringify(frame, (_, v) => (typeof v === "number" && v > 2 ** 53 ? "big" : v)).includes(
            "big",
          );
          if (!isExact) expect(again).toEqual(frame);
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error;
          expect(error.layer).toBe("transport");
        }
      }),
      { numRuns: runs(5_000) },
    );
  });

  const MAX = "ffffffffffffffff";
  const cases: readonly (readonly [what: string, bytes: string, error: TransportErrorName | undefined])[] = [
    ["ACK with a first range below 0", "02 05 00 00 06", "FRAME_ENCODING_ERROR"],
    ["ACK with a first range down to 0", "02 05 00 00 05", undefined],
    ["ACK with a gap below 0", "02 05 00 01 00 04 00", "FRAME_ENCODING_ERROR"],
    ["ACK with a second range down to 0", "02 05 00 01 00 03 00", undefined],
    ["ACK with a second range below 0", "02 05 00 01 00 03 01", "FRAME_ENCODING_ERROR"],
    ["ACK with more ranges than bytes", `02 05 00 ${MAX} 00 00 00`, "FRAME_ENCODING_ERROR"],
    ["MAX_STREAMS of 2^60", "12 d000000000000000", undefined],
    ["MAX_STREAMS of 2^60 + 1", "12 d000000000000001", "FRAME_ENCODING_ERROR"],
    ["MAX_STREAMS of 2^62 - 1", `13 ${MAX}`, "FRAME_ENCODING_ERROR"],
    ["STREAMS_BLOCKED of 2^60", "16 d000000000000000", undefined],
    ["STREAMS_BLOCKED of 2^60 + 1", "17 d000000000000001", "FRAME_ENCODING_ERROR"],
    ["STREAM that ends after 2^62 - 1", `0e 00 ${MAX} 01 aa`, "FRAME_ENCODING_ERROR"],
    ["STREAM with an id above 2^53 - 1", `08 ${MAX}`, "STREAM_LIMIT_ERROR"],
    ["RESET_STREAM with an id above 2^53 - 1", `04 ${MAX} 00 00`, "STREAM_LIMIT_ERROR"],
    ["MAX_STREAM_DATA with an id above 2^53 - 1", "11 e000000000000000 00", "STREAM_LIMIT_ERROR"],
    ["CRYPTO that ends after 2^62 - 1", `06 ${MAX} 01 aa`, "FRAME_ENCODING_ERROR"],
    ["CRYPTO longer than the packet", "06 00 05 aabb", "FRAME_ENCODING_ERROR"],
    ["NEW_TOKEN without a token", "07 00", "FRAME_ENCODING_ERROR"],
    ["NEW_CONNECTION_ID of 0 bytes", `18 01 00 00 ${"00".repeat(16)}`, "FRAME_ENCODING_ERROR"],
    ["NEW_CONNECTION_ID of 1 byte", `18 01 00 01 aa ${"00".repeat(16)}`, undefined],
    ["NEW_CONNECTION_ID of 20 bytes", `18 01 00 14 ${"aa".repeat(20)} ${"00".repeat(16)}`, undefined],
    ["NEW_CONNECTION_ID of 21 bytes", `18 01 00 15 ${"aa".repeat(21)} ${"00".repeat(16)}`, "FRAME_ENCODING_ERROR"],
    ["NEW_CONNECTION_ID that retires its own sequence number", `18 01 01 01 aa ${"00".repeat(16)}`, undefined],
    [
      "NEW_CONNECTION_ID that retires later sequence numbers",
      `18 01 02 01 aa ${"00".repeat(16)}`,
      "FRAME_ENCODING_ERROR",
    ],
    ["NEW_CONNECTION_ID that skips sequence numbers", `18 ${MAX} 00 01 aa ${"00".repeat(16)}`, "PROTOCOL_VIOLATION"],
    ["PATH_CHALLENGE of 7 bytes", "1a 00000000000000", "FRAME_ENCODING_ERROR"],
    ["CONNECTION_CLOSE longer than the packet", "1c 00 00 05 61", "FRAME_ENCODING_ERROR"],
  ];
  it.each(cases)("%s", (_, bytes, error) => {
    expect(refusal(fromHex(bytes))).toBe(error);
  });

  it("names the malformed frame", () => {
    expect(() => parse(fromHex("07 00"))).toThrow(expect.objectContaining({ where: "NEW_TOKEN" }));
    expect(() => parse(fromHex("1a 00"))).toThrow(expect.objectContaining({ where: "PATH_CHALLENGE" }));
    expect(() => parse(fromHex("1e"), EncryptionLevel.initial)).toThrow(
      expect.objectContaining({ where: "HANDSHAKE_DONE" }),
    );
  });
});

describe("frames as bytes", () => {
  const ecn = { ect0: 1, ect1: 0, ce: 2 };
  const samples: readonly (readonly [Frame, string])[] = [
    [{ type: "ack", largest: 10, delay: 3, ranges: [8, 10, 2, 5, 0, 0], ecn: undefined }, "02 0a 03 02 02 01 03 00 00"],
    [{ type: "ack", largest: 0, delay: 0, ranges: [0, 0], ecn }, "03 00 00 00 00 01 00 02"],
    [{ type: "stream", id: 4, offset: 0, data: fromHex("aabb"), fin: false }, "0a 04 02 aabb"],
    [{ type: "stream", id: 4, offset: 64, data: fromHex("aa"), fin: true }, "0f 04 4040 01 aa"],
    [{ type: "stop-sending", id: 3, code: wideInt(0x3fffffff, 0xffffffff) }, "05 03 ffffffffffffffff"],
    [{ type: "max-streams", direction: "uni", maximum: 64 }, "13 4040"],
    [{ type: "connection-close", layer: "transport", code: 7, frameType: 6, phrase: utf8("no") }, "1c 07 06 02 6e6f"],
    [{ type: "connection-close", layer: "application", code: 256, frameType: 0, phrase: utf8("") }, "1d 4100 00"],
  ];
  it.each(samples)("%o", (frame, bytes) => {
    expect(emitted(frame)).toEqual(fromHex(bytes));
    expect(parse(fromHex(bytes))).toEqual(frame);
  });

  it("a STREAM frame without a length runs to the end of the packet", () => {
    const writer = new Writer(new Uint8Array(100));
    emitStream(writer, 8, 5, fromHex("00112233"), 1, 3, true, false);
    expect(writer.written()).toEqual(fromHex("0d 08 05 1122"));
    expect(parse(writer.written())).toEqual({ type: "stream", id: 8, offset: 5, data: fromHex("1122"), fin: true });
  });

  it("STREAM and CRYPTO data are views of the datagram; everything else is copied", () => {
    const shares = (bytes: Uint8Array, field: (frame: Frame) => Uint8Array): boolean =>
      field(parse(bytes)).buffer === bytes.buffer;
    const dataOf = (frame: Frame) => (frame as { data: Uint8Array }).data;
    expect(shares(fromHex("0a0001aa"), dataOf)).toBe(true);
    expect(shares(fromHex("060001aa"), dataOf)).toBe(true);
    expect(shares(fromHex("1a0011223344556677"), dataOf)).toBe(false);
    expect(shares(fromHex("0701aa"), (frame) => (frame as { token: Uint8Array }).token)).toBe(false);
    expect(shares(fromHex("1d000161"), (frame) => (frame as { phrase: Uint8Array }).phrase)).toBe(false);
  });

  it("streamFrameOverhead is the size of the frame minus its data", () => {
    const small = fc.uint8Array({ maxLength: 80 });
    fc.assert(
      fc.property(integer, integer, small, (id, offset, data) => {
        const writer = new Writer(new Uint8Array(200));
        emitStream(writer, id, offset, data, 0, data.length, false, true);
        expect(writer.position).toBe(streamFrameOverhead(id, offset, data.length) + data.length);
      }),
    );
  });
});

describe("emitAck", () => {
  const everyOther = (count: number): RangeSet => {
    const set = new RangeSet();
    for (let i = 0; i < count; i += 1) set.add(i * 2, i * 2 + 1);
    return set;
  };

  it("acknowledges exactly what was received", () => {
    const received = fc.uniqueArray(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(received, integer, (numbers, delay) => {
        const set = new RangeSet();
        for (const number of numbers) set.add(number, number + 1);
        const writer = new Writer(new Uint8Array(1_000));
        const ecn = { ect0: 7, ect1: 70, ce: 70_000 };
        expect(emitAck(writer, set, delay, ecn)).toBe(Math.max(...numbers));
        const frame = parse(writer.written()) as AckFrame;
        expect(frame).toMatchObject({ largest: Math.max(...numbers), delay, ecn });
        const acked = new RangeSet();
        for (let i = 0; i < frame.ranges.length; i += 2) acked.add(frame.ranges[i]!, frame.ranges[i + 1]! + 1);
        expect([...acked]).toEqual([...set]);
      }),
    );
  });

  it("keeps the highest ranges if not all fit, and never exceeds the room", () => {
    const set = everyOther(1_000);
    for (let room = 0; room < 300; room += 1) {
      const writer = new Writer(new Uint8Array(400), 0, room);
      const largest = emitAck(writer, set, 100, { ect0: 1_000, ect1: 0, ce: 0 });
      if (largest === -1) {
        expect(writer.position).toBe(0);
        expect(room).toBeLessThan(13);
        continue;
      }
      const frame = parse(writer.written()) as AckFrame;
      expect(frame.largest).toBe(1_998);
      expect(frame.ranges.slice(0, 2)).toEqual([1_998, 1_998]);
      expect(room - writer.position).toBeLessThan(2);
    }
  });

  it("writes nothing if nothing was received", () => {
    const writer = new Writer(new Uint8Array(100));
    expect(emitAck(writer, new RangeSet(), 0, undefined)).toBe(-1);
    expect(writer.position).toBe(0);
  });
});

describe("emitConnectionClose", () => {
  it("truncates the phrase to what fits, at a character boundary", () => {
    const phrase = "流れ".repeat(60);
    for (let room = 4; room < 400; room += 1) {
      const writer = new Writer(new Uint8Array(400), 0, room);
      emitConnectionClose(writer, "transport", 0xa, 0, phrase);
      const frame = parse(writer.written()) as Extract<Frame, { type: "connection-close" }>;
      const text = new TextDecoder("utf-8", { fatal: true }).decode(frame.phrase);
      expect(phrase.startsWith(text)).toBe(true);
      if (text !== phrase) expect(room - writer.position).toBeLessThan(4);
    }
  });
});
