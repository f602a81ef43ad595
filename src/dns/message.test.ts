import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../test/properties/runs.ts";
import { ProtocolError } from "../base/errors.ts";
import { fromHex, toHex } from "../wire/hex.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import {
  emitMessage,
  type Message,
  parseMessage,
  parseRecord,
  printRecord,
  queryMessage,
  RECORD_TYPES,
} from "./index.ts";
import { readData, writeData } from "./record-data.ts";
import { anyName, anyRecord } from "./testing/records.ts";

const response = (some: Partial<Message> = {}): Message => ({
  ...queryMessage(7, { name: "example.com.", type: RECORD_TYPES.A.number }),
  isResponse: true,
  ...some,
});
const record = parseRecord("www.example.com. 300 IN A 192.0.2.1");

describe("messages", () => {
  test("RFC 1035 §4.1.4: the example's names are compressed", () => {
    const names = ["f.isi.arpa.", "foo.f.isi.arpa.", "arpa.", "."];
    const bytes = emitMessage(
      response({ questions: names.map((name) => ({ name, type: 1, class: 1 })), edns: undefined }),
    );
    expect(toHex(bytes.subarray(12))).toBe(
      "0166036973690461727061 00 00010001 03666f6f c00c 00010001 c012 00010001 00 00010001".replaceAll(" ", ""),
    );
    expect(parseMessage(bytes).questions.map(({ name }) => name)).toEqual(names);
  });

  test("a query has EDNS, and asks for recursion", () => {
    const bytes = emitMessage(queryMessage(0x1234, { name: "a.example.", type: RECORD_TYPES.HTTPS.number }));
    expect(toHex(bytes)).toBe(
      "1234 0100 0001 0000 0000 0001 0161076578616d706c6500 0041 0001 00 0029 04d0 00000000 0000".replaceAll(" ", ""),
    );
  });

  test("property: parse(emit(message)) is the message, compressed or not", () => {
    const flags = fc.record({
      isResponse: fc.boolean(),
      isAuthoritative: fc.boolean(),
      recursionDesired: fc.boolean(),
      recursionAvailable: fc.boolean(),
      authenticData: fc.boolean(),
      checkingDisabled: fc.boolean(),
      opcode: fc.nat({ max: 15 }),
      id: fc.nat({ max: 0xffff }),
      rcode: fc.nat({ max: 0xfff }),
    });
    const records = fc.array(anyRecord, { maxLength: 5 });
    fc.assert(
      fc.property(flags, anyName, records, records, records, (some, name, answers, authorities, additionals) => {
        const message = response({
          ...some,
          questions: [{ name, type: 65, class: 1 }],
          answers,
          authorities,
          additionals,
          edns: { udpSize: 1_232, version: 0, dnssecOk: true, options: [{ code: 10, data: Uint8Array.of(1, 2) }] },
        });
        expect(parseMessage(emitMessage(message))).toEqual(message);
      }),
      { numRuns: runs(300) },
    );
  });

  test("property: a record survives being printed", () => {
    fc.assert(
      fc.property(anyRecord, (each) => {
        expect(parseRecord(printRecord(each))).toEqual(each);
      }),
      { numRuns: runs(500) },
    );
  });

  test("records that do not fit are left out, and only answers and authorities count as truncated", () => {
    const answers = Array.from({ length: 50 }, (_, i) => parseRecord(`www.example.com. 300 IN A 192.0.2.${i}`));
    const cut = parseMessage(emitMessage(response({ answers }), 512));
    expect(cut.isTruncated).toBe(true);
    expect(cut.edns).toBeDefined();
    expect(cut.answers).toEqual(answers.slice(0, cut.answers.length));
    expect(cut.answers.length).toBeGreaterThan(20);
    const whole = parseMessage(emitMessage(response({ answers: [record], additionals: answers }), 512));
    expect(whole).toMatchObject({ isTruncated: false, answers: [record] });
    expect(whole.additionals.length).toBeLessThan(50);
  });

  test("malformed data spoils its record alone", () => {
    const bad = { ...record, type: 65, data: { type: "opaque", bytes: fromHex("000100 0003 0001 35") } as const };
    const parsed = parseMessage(emitMessage(response({ answers: [bad, record] })));
    expect(parsed.answers[0]!.data).toMatchObject({ type: "malformed", problem: expect.stringContaining("port") });
    expect(parsed.answers[1]).toEqual(record);
  });

  test("RFC 2181 §8: a negative time to live is 0", () => {
    const bytes = emitMessage(response({ answers: [{ ...record, ttl: 2 ** 31 }], edns: undefined }));
    expect(parseMessage(bytes).answers[0]!.ttl).toBe(0);
  });
});

describe("hostile messages", () => {
  const header = (counts: string): string => `0007 8180 ${counts}`;
  const refused = (hex: string): string => {
    try {
      parseMessage(fromHex(hex));
    } catch (error) {
      if (error instanceof ProtocolError) return error.message;
      throw error;
    }
    return "parsed";
  };

  test.each([
    ["an empty one", "", "needed 2 bytes"],
    ["half a header", "0007 8180 0001", "needed 2 bytes"],
    ["counts that lie", header("ffff ffff ffff ffff"), "the counts exceed the message"],
    ["a pointer to itself", `${header("0001 0000 0000 0000")} c00c 0001 0001`, "does not lead backwards"],
    ["a pointer forwards", `${header("0001 0000 0000 0000")} c010 0001 0001 00`, "does not lead backwards"],
    [
      "a loop of labels and pointers",
      `${header("0001 0000 0000 0000")} 0161 c00c 0001 0001`,
      "does not lead backwards",
    ],
    [
      "two pointers in a loop",
      `${header("0002 0000 0000 0000")} c012 0001 0001 c00c 0001 0001`,
      "does not lead backwards",
    ],
    ["a pointer into the header, which has no end", `${header("0001 0000 0000 0000")} c002 0001 0001`, ""],
    ["half a pointer", `${header("0001 0000 0000 0000")} 03616161 c0`, "a pointer is not"],
    ["a label that overruns", `${header("0001 0000 0000 0000")} 3f61 0001 0001`, "a label does not end"],
    ["a label of an unknown type", `${header("0001 0000 0000 0000")} 4161 0001 0001`, "a label of an unknown type"],
    ["bytes after the end", `${header("0001 0000 0000 0000")} 00 0001 0001 00`, "bytes follow"],
    ["data beyond the end", `${header("0000 0001 0000 0000")} 00 0001 0001 00000000 0005 c0000201`, "needed 5 bytes"],
    [
      "two OPT records",
      `${header("0000 0000 0000 0002")} 00 0029 0200 00000000 0000 00 0029 0200 00000000 0000`,
      "more than one OPT",
    ],
  ])("%s", (_what, hex, problem) => {
    expect(refused(hex)).toContain(problem);
    expect(refused(hex)).not.toBe("parsed");
  });

  test("names of 255 bytes are accepted, of 256 refused", () => {
    const label = `3f${"61".repeat(63)}`;
    const name = (last: number): string => `${label.repeat(3)}${last.toString(16)}${"61".repeat(last)}00`;
    const message = (last: number): string => `${header("0001 0000 0000 0000")}${name(last)}00010001`;
    expect(parseMessage(fromHex(message(61))).questions[0]!.name.length).toBe(254);
    expect(refused(message(62))).toContain("longer than 255 bytes");
  });

  test("a chain of pointers through the whole message is cut off", () => {
    // 8,000 pointers, each to the one before, and records whose names start at the last of them.
    const chain = new Uint8Array(16_000);
    for (let i = 2; i < chain.length; i += 2) {
      const target = 0xc000 | (12 + 11 + i - 2);
      chain[i] = target >> 8;
      chain[i + 1] = target;
    }
    const writer = new Writer(new Uint8Array(60_000));
    for (const word of [7, 0x8180, 0, 2, 0, 0]) writer.uint16(word);
    for (const byte of fromHex("00 0010 0001 00000000")) writer.uint8(byte);
    writer.uint16(chain.length);
    writer.write(chain);
    writer.uint16(0xc000 | (12 + 11 + chain.length - 2));
    for (const byte of fromHex("0001 0001 00000000 0004 c0000201")) writer.uint8(byte);
    expect(() => parseMessage(writer.written())).toThrow(ProtocolError);
  });

  test("property: any bytes parse or are refused, also after small changes to a valid message", () => {
    const valid = fc.array(anyRecord, { maxLength: 4 }).map((answers) => emitMessage(response({ answers })));
    const mutated = fc
      .tuple(valid, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { maxLength: 6 }), fc.nat())
      .map(([bytes, changes, cut]) => {
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        return bytes.subarray(0, cut % 4 === 0 ? cut % bytes.length : bytes.length);
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), mutated), (bytes) => {
        try {
          const message = parseMessage(bytes);
          // What was parsed can be printed and sent on.
          for (const each of [...message.answers, ...message.additionals]) printRecord(each);
          emitMessage(message);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: runs(3_000) },
    );
  });
});

test("property: data of every type is read as it was written", () => {
  fc.assert(
    fc.property(anyRecord, ({ type, data }) => {
      const writer = new Writer(new Uint8Array(5_000));
      writeData(writer, data);
      expect(readData(type, new Reader(writer.written()))).toEqual(data);
    }),
    { numRuns: runs(500) },
  );
});
