import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { ProtocolError } from "../base/errors.ts";
import type { FieldSection } from "../http/field-section.ts";
import { fromHex, toHex } from "../wire/hex.ts";
import { QpackDecoder } from "./decoder.ts";
import { type EncoderOptions, maxEncodedLength, QpackEncoder, SECTION_PREFIX_ROOM } from "./encoder.ts";
import { QPACK_ERRORS } from "./errors.ts";

const CREDIT = 100_000;

function encode(encoder: QpackEncoder, streamId: number, fields: FieldSection, credit = CREDIT): Uint8Array {
  const target = new Uint8Array(SECTION_PREFIX_ROOM + maxEncodedLength(fields));
  const end = encoder.encode(streamId, fields, target, SECTION_PREFIX_ROOM, credit);
  return target.slice(encoder.sectionStart, end);
}

function makeEncoder(maxTableCapacity = 4096, maxBlockedStreams = 10, options: Partial<EncoderOptions> = {}) {
  const encoder = new QpackEncoder({ tableCapacity: 4096, ...options });
  encoder.setLimits({ maxTableCapacity, maxBlockedStreams });
  return encoder;
}

const AGENT: FieldSection = [["user-agent", "curl/8.14.1"]];

describe("insertions", () => {
  test("there are none before the peer's SETTINGS, nor into a table without capacity", () => {
    const early = new QpackEncoder({ tableCapacity: 4096 });
    const none = makeEncoder(0);
    for (const encoder of [early, none]) {
      for (let id = 0; id < 12; id += 4) encode(encoder, id, AGENT);
      expect(encoder.takeInstructions()).toBeUndefined();
      expect(encoder.table.insertCount).toBe(0);
    }
  });

  test("a repeated line is inserted", () => {
    const encoder = makeEncoder();
    expect(toHex(encoder.takeInstructions()!)).toBe("3fe11f");
    const literal = encode(encoder, 0, AGENT);
    expect(literal.length).toBeGreaterThan(10);
    expect(encoder.table.insertCount).toBe(0);
    expect(toHex(encode(encoder, 4, AGENT))).toBe("028010");
    expect(encoder.table.at(0)).toEqual(AGENT[0]);
    expect(toHex(encode(encoder, 8, AGENT))).toBe("020080");
  });

  test("a value that always changes is not inserted", () => {
    const encoder = makeEncoder();
    for (let i = 0; i < 50; i += 1) encode(encoder, i * 4, [["etag", `"${i}"`]]);
    expect(encoder.table.insertCount).toBe(0);
  });

  test.each([
    ["authorization", "Basic dGVzdDp0ZXN0"],
    ["proxy-authorization", "Basic dGVzdDp0ZXN0"],
    ["set-cookie", "id=42; Secure"],
    ["cookie", "pin=1234"],
  ])("%s is never inserted and marked so for intermediaries (RFC 9204 §7.1.3)", (name, value) => {
    const encoder = makeEncoder(4096, 10, { insert: "always" });
    for (let i = 0; i < 3; i += 1) {
      // 01NT with N set, or 001N.
      const first = encode(encoder, i * 4, [[name, value]])[2]!;
      expect(first & 0xc0 ? first & 0x20 : first & 0x10).not.toBe(0);
    }
    expect(encoder.table.insertCount).toBe(0);
  });

  test("they stay within the encoder stream's credit (RFC 9204 §2.1.3)", () => {
    const encoder = makeEncoder();
    encoder.takeInstructions();
    encode(encoder, 0, AGENT);
    encode(encoder, 4, AGENT, 20);
    expect(encoder.takeInstructions()).toBeUndefined();
    encode(encoder, 8, AGENT, 100);
    expect(encoder.takeInstructions()).toBeDefined();
  });

  test("the number of remembered names is limited", () => {
    const encoder = makeEncoder();
    for (let i = 0; i < 2000; i += 1) encode(encoder, i * 4, [[`x-${i}`, "1"]]);
    for (let i = 0; i < 2; i += 1) encode(encoder, 8000 + i, [["x-again", "1"]]);
    expect(encoder.table.at(0)).toEqual(["x-again", "1"]);
  });
});

describe("blocking (RFC 9204 §2.1.2)", () => {
  test("at most as many streams as the peer allows", () => {
    const encoder = makeEncoder(4096, 1, { insert: "always" });
    expect(toHex(encode(encoder, 0, AGENT))).toBe("028010");
    // Another stream would be the second blocked one.
    expect(encode(encoder, 4, AGENT)[0]).toBe(0);
    // The same stream is already blocked.
    expect(encode(encoder, 0, [["x-other", "1"]])[0]).toBe(3);
    encoder.handleDecoderStream(fromHex("01"));
    expect(toHex(encode(encoder, 4, AGENT))).toBe("020181");
  });

  test("no stream if the peer allows none", () => {
    const encoder = makeEncoder(4096, 0, { insert: "always" });
    expect(encode(encoder, 0, AGENT)[0]).toBe(0);
    expect(encoder.table.insertCount).toBe(1);
    encoder.handleDecoderStream(fromHex("01"));
    expect(toHex(encode(encoder, 4, AGENT))).toBe("020080");
  });
});

describe("eviction (RFC 9204 §2.1.1)", () => {
  const line = (i: number): FieldSection => [[`x-${i}`, "v".repeat(20)]];

  test("spares entries that the peer may not have", () => {
    const encoder = makeEncoder(128, 10, { insert: "always" });
    for (let i = 0; i < 10; i += 1) encode(encoder, i * 4, line(i));
    expect(encoder.table.insertCount).toBe(2);
  });

  test("spares entries referenced by an outstanding section", () => {
    const encoder = makeEncoder(128, 10, { insert: "always" });
    encode(encoder, 0, line(0));
    encode(encoder, 4, line(1));
    encoder.handleDecoderStream(fromHex("02"));
    encode(encoder, 8, line(2));
    expect(encoder.table.insertCount).toBe(2);
    encoder.handleDecoderStream(fromHex("80"));
    encode(encoder, 12, line(3));
    expect(encoder.table).toMatchObject({ insertCount: 3, firstIndex: 1 });
    // A cancellation releases references, like an acknowledgment.
    encoder.handleDecoderStream(fromHex("44"));
    encode(encoder, 16, line(4));
    expect(encoder.table).toMatchObject({ insertCount: 4, firstIndex: 2 });
  });

  test("spares entries referenced by the section being written", () => {
    const encoder = makeEncoder(128, 10, { insert: "always" });
    encode(encoder, 0, line(0));
    encode(encoder, 4, line(1));
    encoder.handleDecoderStream(fromHex("8084"));
    encode(encoder, 8, [...line(0), ...line(2)]);
    expect(encoder.table.firstIndex).toBe(0);
  });

  test("the oldest entries of a full table are duplicated, not referenced", () => {
    const encoder = makeEncoder(512, 100, { insert: "always" });
    for (let i = 0; i < 9; i += 1) encode(encoder, i * 4, line(i));
    for (let i = 0; i < 8; i += 1) encoder.handleDecoderStream(Uint8Array.of(0x80 | (i * 4)));
    encoder.takeInstructions();
    const inserted = encoder.table.insertCount;
    expect(encoder.table.firstIndex).toBe(0);
    const section = encode(encoder, 100, line(0));
    // The ninth from the end; evicting it makes room for its duplicate.
    expect(toHex(encoder.takeInstructions()!)).toBe("08");
    expect(encoder.table).toMatchObject({ insertCount: inserted + 1, firstIndex: 1 });
    expect(encoder.table.at(inserted)).toEqual(line(0)[0]);
    expect(section[2]).toBe(0x10);
    // The newest are referenced directly.
    encode(encoder, 104, line(8));
    expect(encoder.takeInstructions()).toBeUndefined();
  });

  test("stops if the peer acknowledges nothing", () => {
    const encoder = makeEncoder(4096, 100_000, { insert: "always" });
    let referring = 0;
    for (let i = 0; i < 3000; i += 1) if (encode(encoder, i * 4, AGENT)[0] !== 0) referring += 1;
    expect(referring).toBe(1024);
  });
});

describe("the decoder stream (RFC 9204 §4.4)", () => {
  test.each([
    ["an increment of zero", "00"],
    ["an increment beyond the insertions", "02"],
    ["an acknowledgment without a section", "84"],
    ["a second acknowledgment", "8080"],
    ["an integer of eleven bytes", "ff8080808080808080808000"],
  ])("%s", (_, digits) => {
    const encoder = makeEncoder(4096, 10, { insert: "always" });
    encode(encoder, 0, AGENT);
    expect(() => encoder.handleDecoderStream(fromHex(digits))).toThrow(
      expect.objectContaining({ layer: "http", code: QPACK_ERRORS.QPACK_DECODER_STREAM_ERROR.code }),
    );
  });

  test("a cancellation of a stream without sections is ignored", () => {
    makeEncoder().handleDecoderStream(fromHex("44 7f01"));
  });

  test("arbitrary bytes are accepted or refused", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 20 })), (pieces) => {
        const encoder = makeEncoder(4096, 10, { insert: "always" });
        for (let id = 0; id < 40; id += 4) encode(encoder, id, AGENT);
        try {
          for (const piece of pieces) encoder.handleDecoderStream(piece);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });
});

describe("encoder and decoder", () => {
  const names = ["user-agent", "accept", "x-a", "x-b", ":path", "cookie", "content-type", "etag"];
  const values = ["", "1", "*/*", "text/html", "a longer value that takes some room", "v".repeat(90), "\u00e9"];
  const section = fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...values)), { maxLength: 8 });
  const step = fc.oneof(
    fc.record({
      type: fc.constant("send" as const),
      stream: fc.nat(5),
      fields: section,
      credit: fc.constantFrom(0, 50, 10_000),
    }),
    fc.record({ type: fc.constant("insertions" as const), count: fc.nat(60) }),
    fc.record({ type: fc.constant("deliver" as const), stream: fc.nat(5) }),
    fc.record({ type: fc.constant("answers" as const), count: fc.nat(6) }),
    fc.record({ type: fc.constant("cancel" as const), stream: fc.nat(5) }),
  );

  test("agree in whatever order their streams arrive", () => {
    fc.assert(
      fc.property(
        fc.record({
          capacity: fc.constantFrom(0, 64, 150, 400, 4096),
          blocked: fc.nat(4),
          insert: fc.constantFrom("always" as const, "repeated" as const),
          steps: fc.array(step, { maxLength: 80 }),
        }),
        ({ capacity, blocked, insert, steps }) => {
          const encoder = makeEncoder(capacity, blocked, { insert });
          const decoder = new QpackDecoder({
            maxTableCapacity: capacity,
            maxBlockedStreams: blocked,
            maxFieldSectionSize: 10_000,
            maxBlockedBytes: 100_000,
          });
          let insertions: number[] = [];
          let answers: number[] = [];
          const inTransit = new Map<number, { bytes: Uint8Array; fields: FieldSection }[]>();
          const waiting = new Map<number, FieldSection>();
          const cancelled = new Set<number>();
          const takeInstructions = (): void => {
            insertions.push(...(encoder.takeInstructions() ?? []));
          };
          const deliverInsertions = (count: number): void => {
            decoder.handleEncoderStream(Uint8Array.from(insertions.slice(0, count)));
            insertions = insertions.slice(count);
            for (let done = decoder.pollUnblocked(); done !== undefined; done = decoder.pollUnblocked()) {
              expect(done.result).toEqual(waiting.get(done.streamId));
              waiting.delete(done.streamId);
            }
          };
          const deliverSection = (stream: number): void => {
            if (waiting.has(stream)) return;
            const next = inTransit.get(stream)?.shift();
            if (next === undefined) return;
            const result = decoder.decode(stream, next.bytes);
            if (result === "blocked") waiting.set(stream, next.fields);
            else expect(result).toEqual(next.fields);
          };
          const deliverAnswers = (count: number): void => {
            answers.push(...(decoder.takeInstructions() ?? []));
            encoder.handleDecoderStream(Uint8Array.from(answers.slice(0, count)));
            answers = answers.slice(count);
          };
          for (const next of steps) {
            switch (next.type) {
              case "send": {
                if (cancelled.has(next.stream)) break;
                const bytes = encode(encoder, next.stream, next.fields, next.credit);
                takeInstructions();
                inTransit.set(next.stream, [...(inTransit.get(next.stream) ?? []), { bytes, fields: next.fields }]);
                break;
              }
              case "insertions":
                takeInstructions();
                deliverInsertions(next.count);
                break;
              case "deliver":
                deliverSection(next.stream);
                break;
              case "answers":
                deliverAnswers(next.count);
                break;
              case "cancel":
                if (cancelled.has(next.stream)) break;
                cancelled.add(next.stream);
                decoder.cancelStream(next.stream);
                inTransit.delete(next.stream);
                waiting.delete(next.stream);
            }
            expect(encoder.knownReceivedCount).toBeLessThanOrEqual(decoder.table.insertCount);
          }
          takeInstructions();
          deliverInsertions(insertions.length);
          for (const stream of inTransit.keys()) while (inTransit.get(stream)!.length > 0) deliverSection(stream);
          deliverAnswers(Number.POSITIVE_INFINITY);
          expect(waiting.size).toBe(0);
          expect(decoder.table.size).toBe(encoder.table.size);
          expect(decoder.table.insertCount).toBe(encoder.table.insertCount);
          expect(encoder.knownReceivedCount).toBe(encoder.table.insertCount);
        },
      ),
      { numRuns: runs(1500) },
    );
  });
});
