/** Objects on streams and in datagrams: vectors, round trips cut anywhere, and what is refused. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../../test/properties/runs.ts";
import { ProtocolError } from "../../../base/errors.ts";
import { fromHex, toHex } from "../../../wire/hex.ts";
import { concat, utf8 } from "../../../wire/text.ts";
import { DRAFTS, type Draft, draftHas } from "../draft.ts";
import { Dialect } from "../fields.ts";
import { fetchObjects, integer, properties, subgroupHeader } from "../testing/arbitrary.ts";
import {
  type DataEvent,
  DataReader,
  emitDatagram,
  emitFetchHeader,
  FetchObjects,
  type ObjectDatagram,
  parseDatagram,
  SubgroupWriter,
} from "./index.ts";

const dialects = new Map(DRAFTS.map((draft) => [draft, new Dialect(draft)]));
const dialectOf = (draft: Draft): Dialect => dialects.get(draft)!;

/** The events of a stream; payloads are joined, and copied. */
function read(reader: DataReader, parts: readonly Uint8Array[]): (DataEvent | string)[] {
  const events: (DataEvent | string)[] = [];
  let payload = "";
  for (const part of parts) {
    reader.push(part);
    for (let event = reader.poll(); event !== undefined; event = reader.poll()) {
      if (event.type !== "payload") events.push(event);
      else payload += toHex(event.bytes);
      if (event.type === "payload" && event.isLast) {
        events.push(payload);
        payload = "";
      }
    }
  }
  reader.end();
  return events;
}

const cutAt = (bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] => {
  const ends = [...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
};

function failure(run: () => unknown): string {
  try {
    run();
    return "no error";
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.message;
  }
}

const readHex = (draft: Draft, hex: string): unknown => read(new DataReader(dialectOf(draft)), [fromHex(hex)]);

describe("a subgroup of two objects, as the drafts show it", () => {
  const header = { alias: 2, group: 0, subgroup: 0, priority: 0, hasProperties: false, endsGroup: false };

  test.each(DRAFTS)("draft %i", (draft) => {
    const startsSubgroup = draftHas(draft, "hasNoFirstObjectBit") ? undefined : false;
    const events = readHex(draft, "14 02 00 00 00 00 04 61626364 00 04 65666768");
    const object = (number: number) => ({
      type: "subgroup-object",
      object: { object: number, properties: [], status: "normal", payloadLength: 4 },
    });
    expect(events).toEqual([
      { type: "subgroup", header: { ...header, startsSubgroup } },
      object(0),
      toHex(utf8("abcd")),
      object(1),
      toHex(utf8("efgh")),
    ]);
  });
});

describe.each(DRAFTS)("draft %i", (draft) => {
  const dialect = dialectOf(draft);

  test("subgroups are read as they were written, however they are cut", () => {
    const objects = fc.array(fc.tuple(fc.nat(3), fc.nat(30), properties), { maxLength: 6 });
    fc.assert(
      fc.property(subgroupHeader(draft), objects, fc.array(fc.nat(), { maxLength: 5 }), (header, list, cuts) => {
        const writer = new SubgroupWriter(header, dialect);
        const parts: Uint8Array[] = [writer.header];
        const expected: (DataEvent | string)[] = [{ type: "subgroup", header }];
        let number = -1;
        for (const [skipped, payloadLength, own] of list) {
          number += 1 + skipped;
          const object = {
            object: number,
            properties: header.hasProperties ? own : [],
            status: "normal" as const,
            payloadLength,
          };
          parts.push(writer.object(object), new Uint8Array(payloadLength).fill(number));
          expected.push({ type: "subgroup-object", object });
          if (payloadLength > 0) expected.push(toHex(new Uint8Array(payloadLength).fill(number)));
        }
        expect(read(new DataReader(dialect), cutAt(concat(...parts), cuts))).toEqual(expected);
      }),
      { numRuns: runs(60) },
    );
  });

  test("fetches are read as they were written, however they are cut", () => {
    const order = fc.constantFrom("ascending" as const, "descending" as const);
    fc.assert(
      fc.property(fetchObjects(draft), order, fc.array(fc.nat(), { maxLength: 5 }), (list, direction, cuts) => {
        const objects =
          direction === "ascending" ? list : list.map((object) => ({ ...object, group: 40 - object.group }));
        const writer = new FetchObjects(dialect, direction);
        const parts: Uint8Array[] = [emitFetchHeader(4, dialect)];
        const expected: (DataEvent | string)[] = [{ type: "fetch", requestId: 4 }];
        for (const object of objects) {
          const payload = new Uint8Array(object.payloadLength).fill(object.object);
          parts.push(writer.emit(object), payload);
          expected.push({ type: "fetch-object", object });
          if (payload.length > 0) expected.push(toHex(payload));
        }
        expect(read(new DataReader(dialect, () => direction), cutAt(concat(...parts), cuts))).toEqual(expected);
      }),
      { numRuns: runs(60) },
    );
  });

  test("datagrams are read as they were written", () => {
    const datagram: fc.Arbitrary<ObjectDatagram> = fc
      .record({
        alias: integer,
        group: fc.nat(),
        object: fc.nat(3),
        priority: draftHas(draft, "hasExplicitPriority") ? fc.nat(255) : fc.option(fc.nat(255), { nil: undefined }),
        properties,
        endsGroup: fc.boolean(),
        status: fc.constantFrom("normal" as const, "end-of-group" as const, "end-of-track" as const),
        payload: fc.uint8Array({ maxLength: 20 }),
      })
      .map((value) => ({
        ...value,
        endsGroup: value.endsGroup && value.status === "normal",
        payload: new Uint8Array(value.status === "normal" ? value.payload : []),
      }));
    fc.assert(
      fc.property(datagram, (value) => {
        expect(parseDatagram(emitDatagram(value, dialect), dialect)).toEqual(value);
      }),
    );
  });
});

describe("a fetch", () => {
  const common = { subgroup: 0, priority: 7, properties: [], status: "normal" as const, payloadLength: 0 };

  test("says what differs from the object before (draft 18)", () => {
    const writer = new FetchObjects(dialectOf(18));
    const hex = [
      writer.emit({ ...common, group: 5, object: 0 }),
      writer.emit({ ...common, group: 5, object: 1 }),
      writer.emit({ ...common, group: 5, object: 3 }),
      writer.emit({ ...common, group: 7, object: 2, subgroup: 1, priority: 8 }),
    ].map(toHex);
    // The first is absolute; then nothing, the difference of the object, and that of the group less 1.
    expect(hex).toEqual(["1c05000700", "0000", "040200", "1e01020800"]);
  });

  test("has absolute groups and objects in draft 16, and everything in draft 14", () => {
    const emit = (draft: Draft) => {
      const writer = new FetchObjects(dialectOf(draft));
      return [writer.emit({ ...common, group: 5, object: 0 }), writer.emit({ ...common, group: 6, object: 3 })].map(
        toHex,
      );
    };
    expect(emit(16)).toEqual(["1c05000700", "0c060300"]);
    expect(emit(14)).toEqual(["05000007000000", "06000307000000"]);
  });

  test("tells gaps, and why; later objects refer to their end", () => {
    const writer = new FetchObjects(dialectOf(20));
    const stream = concat(
      emitFetchHeader(0, dialectOf(20)),
      writer.emit({ ...common, group: 1, object: 0 }),
      writer.emitGap({ gap: "timed-out", end: { group: 3, object: 9 } }),
      writer.emit({ ...common, group: 3, object: 10 }),
    );
    expect(read(new DataReader(dialectOf(20)), [stream])).toEqual([
      { type: "fetch", requestId: 0 },
      { type: "fetch-object", object: { ...common, group: 1, object: 0 } },
      { type: "gap", gap: { gap: "timed-out", end: { group: 3, object: 9 } } },
      { type: "fetch-object", object: { ...common, group: 3, object: 10 } },
    ]);
    // 0x20c, which draft 18 does not know.
    expect(failure(() => readHex(18, "05 00 820c 01 00"))).toBe("object of a fetch: the unknown flags 524");
  });

  test.each([
    ["refers to an object before the first", "05 00 10 07 00", "the group of an object before the first"],
    ["refers to a subgroup before the first", "05 00 1d 05 00 07 00", "the subgroup of an object before the first"],
    ["has unknown flags", "05 00 8080 00", "the unknown flags 128"],
  ])("that %s is refused", (_, hex, message) => {
    expect(failure(() => readHex(18, hex))).toContain(message);
  });

  test("whose groups go below 0 is refused", () => {
    const reader = new DataReader(dialectOf(18), () => "descending");
    expect(failure(() => read(reader, [fromHex("05 00 1c 01 00 07 00 0c 01 00 00")]))).toContain("a group below 0");
  });
});

describe("forbidden input", () => {
  test.each([
    [18, "an unknown type of stream", "07 00", "data stream: the unknown type 7"],
    [18, "no mode of subgroup ids", "16 00 00 00", "subgroup header: the invalid type 22"],
    [16, "a bit of a later draft", "4050 00 00 00", "subgroup header: the invalid type 80"],
    [14, "a priority that is left out", "30 00 00", "subgroup header: the invalid type 48"],
    [20, "a type of two bytes", "8110 00 00", "data stream: the unknown type 272"],
    [18, "an end in an object", "14 02 00 00 00 00 04 6162", "the stream ended in the middle of an object"],
    [18, "an end in a header", "14 02", "the stream ended in the middle of an object"],
    [18, "a status with properties", "11 02 00 00 00 02 02 01 00 03", "properties of an object with a status"],
    [18, "a status that is not known", "10 02 00 00 00 00 02", "an object status of 2"],
    [18, "a status of older drafts", "10 02 00 00 00 00 01", "an object status of 1"],
    [18, "properties that end early", "11 02 00 00 00 02 03 05 00", "needed"],
    [18, "64 KiB of properties", "11 02 00 00 00 c10000 00", "properties of 65536 bytes"],
    [18, "object numbers above 2^53-1", "10 02 00 00 fe1fffffffffffff 00 00 00 00 00", "a number above 2^53-1"],
  ] as const)("draft %i: %s", (draft, _, hex, message) => {
    expect(failure(() => readHex(draft, hex))).toContain(message);
  });

  test.each([
    [18, "properties of 0 bytes", "05 02 00 00 00", "properties of 0 bytes"],
    [18, "a status that ends a group", "22 02 00 00 00 03", "the invalid type 34"],
    [18, "bit 4", "10 02 00 00 00", "the invalid type 16"],
    [18, "a payload after a status", "24 02 00 00 03 61", "a payload after a status"],
    [14, "a priority that is left out", "08 02 00 00", "the invalid type 8"],
    [20, "more than a byte", "8080 02 00", "the invalid type 128"],
    [18, "an end in a field", "00 02", "needed"],
  ] as const)("draft %i: a datagram with %s", (draft, _, hex, message) => {
    expect(failure(() => parseDatagram(fromHex(hex), dialectOf(draft)))).toContain(message);
  });

  test("padding is discarded, and holds nothing", () => {
    const reader = new DataReader(dialectOf(18));
    expect(read(reader, [fromHex("f0132b3e28"), new Uint8Array(100_000)])).toEqual([{ type: "padding" }]);
    expect(reader.held).toBe(0);
    expect(parseDatagram(fromHex("f0132b3e29 0000"), dialectOf(18))).toBeUndefined();
  });

  test("a stream of single bytes with 60,000 bytes of properties is read in linear time", () => {
    const dialect = dialectOf(18);
    const header = {
      alias: 1,
      group: 0,
      subgroup: 0,
      priority: 0,
      hasProperties: true,
      endsGroup: false,
      startsSubgroup: true,
    };
    const writer = new SubgroupWriter(header, dialect);
    const own = [{ type: 1, value: new Uint8Array(60_000) }];
    const stream = concat(
      writer.header,
      writer.object({ object: 0, properties: own, status: "normal", payloadLength: 0 }),
    );
    const reader = new DataReader(dialect);
    const events: string[] = [];
    for (let at = 0; at < stream.length; at += 1) {
      reader.push(stream.subarray(at, at + 1));
      for (let event = reader.poll(); event !== undefined; event = reader.poll()) events.push(event.type);
    }
    expect(events).toEqual(["subgroup", "subgroup-object"]);
  });
});
