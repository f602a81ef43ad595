/** The codecs of all drafts: published vectors, round trips, and what is refused. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { ProtocolError } from "../../base/errors.ts";
import { fromHex, toHex } from "../../wire/hex.ts";
import { Reader } from "../../wire/reader.ts";
import { concat, utf8 } from "../../wire/text.ts";
import { wideInt } from "../../wire/varint.ts";
import { ByteWriter } from "./byte-writer.ts";
import {
  alpnOf,
  ControlCodec,
  type ControlMessage,
  ControlReader,
  chooseDraft,
  Dialect,
  DRAFTS,
  draftOfAlpn,
  PROTOCOLS,
  SESSION_ERRORS,
} from "./index.ts";
import { MOQ_INTEGERS, QUIC_INTEGERS } from "./integers.ts";
import { integer, message } from "./testing/arbitrary.ts";

const name = (text: string): Uint8Array => utf8(text);
const codecs = new Map(DRAFTS.map((draft) => [draft, new ControlCodec(draft)]));

/** Reads one message from hexadecimal digits. */
function read(draft: (typeof DRAFTS)[number], hex: string): ControlMessage | undefined {
  const reader = new ControlReader(codecs.get(draft)!);
  reader.push(fromHex(hex));
  return reader.poll();
}

function failure(run: () => unknown): string {
  try {
    run();
    return "no error";
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return error.message;
  }
}

describe("integers", () => {
  test.each([
    ["25", 37, "25"],
    ["8025", 37, "25"],
    ["bbbd", 15_293, "bbbd"],
    ["ed7f3e7d", 226_442_877, "ed7f3e7d"],
    ["fc8998abc66bc0", 151_288_809_941_952, "fc8998abc66bc0"],
    ["fe20000000000000", wideInt(0x20_0000, 0), "fe20000000000000"],
    ["ff0100000000000000", wideInt(0x100_0000, 0), "ff0100000000000000"],
    ["ffffffffffffffffff", wideInt(0xffff_ffff, 0xffff_ffff), "ffffffffffffffffff"],
  ])("%s is %j", (hex, value, shortest) => {
    expect(MOQ_INTEGERS.read(new Reader(fromHex(hex)))).toEqual(value);
    const writer = new ByteWriter(MOQ_INTEGERS);
    writer.integer(value);
    expect(toHex(writer.finish())).toBe(shortest);
  });

  test("are read as they were written, in their shortest form", () => {
    for (const integers of [MOQ_INTEGERS, QUIC_INTEGERS]) {
      fc.assert(
        fc.property(integer, (value) => {
          const writer = new ByteWriter(integers);
          writer.integer(value);
          const reader = new Reader(writer.finish());
          expect(integers.read(reader)).toEqual(value);
          expect(reader.isAtEnd && writer.length <= integers.maxLength).toBe(true);
        }),
      );
    }
  });

  test("have one byte more from each power of 128 on", () => {
    for (let bytes = 1; bytes <= 7; bytes += 1) {
      const lengths = [128 ** bytes - 1, 128 ** bytes].map((value) => {
        const writer = new ByteWriter(MOQ_INTEGERS);
        writer.integer(value);
        return writer.length;
      });
      expect(lengths).toEqual([bytes, bytes + 1]);
    }
  });
});

describe("vectors", () => {
  const subscribe: ControlMessage = {
    type: "subscribe",
    requestId: 0,
    track: { namespace: [name("live")], name: name("v") },
    parameters: { priority: 1, filter: { type: "next-group" } },
  };

  test.each<[string, 14 | 16 | 18 | 20, string, ControlMessage]>([
    [
      "SETUP with an implementation",
      18,
      "af00 0005 07 03 77 2f 31",
      { type: "setup", options: { implementation: "w/1" } },
    ],
    ["SUBSCRIBE from the next group", 18, "03 000f 00 01 04 6c697665 01 76 02 20 01 01 01 01", subscribe],
    ["the same in draft 20", 20, "03 000f 00 01 04 6c697665 01 76 02 20 01 01 01 00", subscribe],
    ["the same in draft 16", 16, "03 000f 00 01 04 6c697665 01 76 02 20 01 01 01 01", subscribe],
    [
      "the same in draft 14",
      14,
      "03 000e 00 01 04 6c697665 01 76 01 00 01 01 00",
      { ...subscribe, parameters: { ...subscribe.parameters, forward: true } },
    ],
    [
      "a filter from the next object",
      20,
      "02 0006 02 01 21 02 00 00",
      { type: "request-update", requestId: 2, parameters: { filter: { type: "next-object" } } },
    ],
    [
      "a filter of groups 128 to 130",
      20,
      "02 0008 02 01 21 04 8080 00 02",
      {
        type: "request-update",
        requestId: 2,
        parameters: { filter: { type: "range", start: { group: 128, object: 0 }, endGroup: 130 } },
      },
    ],
    [
      "a filter of groups 128 to 130 in draft 18",
      18,
      "02 0009 02 01 21 05 04 8080 00 02",
      {
        type: "request-update",
        requestId: 2,
        parameters: { filter: { type: "range", start: { group: 128, object: 0 }, endGroup: 130 } },
      },
    ],
    [
      "an unknown number of streams",
      18,
      "0b 000b 02 ff3fffffffffffffff 00",
      { type: "publish-done", status: 2, reason: "" },
    ],
    [
      "an unknown number of streams in draft 20",
      20,
      "0b 000b 02 ffffffffffffffffff 00",
      { type: "publish-done", status: 2, reason: "" },
    ],
    [
      "CLIENT_SETUP of draft 14",
      14,
      "20 000c 01 c0000000ff00000e 01 02 07",
      { type: "client-setup", versions: [0xff00_000e], options: { maxRequestId: 7 } },
    ],
    [
      "a fetch of the current group before a subscription, in draft 18",
      18,
      "16 0005 02 02 00 00 00",
      { type: "fetch", requestId: 2, joins: { requestId: 0, isRelative: true, start: 0 }, parameters: {} },
    ],
    [
      "what replaced it in draft 20",
      20,
      "03 0014 00 01 04 6c697665 01 76 02 21 02 00 00 02 04 01 21 01 01",
      {
        ...subscribe,
        parameters: { filter: { type: "next-object" }, fill: { filter: { type: "recent", groups: 1 } } },
      },
    ],
  ])("%s (draft %i)", (_, draft, hex, value) => {
    expect(toHex(codecs.get(draft)!.emit(value))).toBe(hex.replaceAll(" ", ""));
    expect(read(draft, hex)).toEqual({ ...value, ...(draft === 18 || draft === 20 ? withLists(value) : {}) });
  });

  /** Lists that are empty are read as such. */
  const withLists = (value: ControlMessage): object => ("properties" in value ? { properties: value.properties } : {});

  test("ALPN names a draft, and moq-00 stands for 14", () => {
    expect(DRAFTS.map(alpnOf)).toEqual(["moqt-20", "moqt-18", "moqt-16", "moq-00"]);
    expect(["moqt-18", "moq-00", "moqt-21", "h3"].map(draftOfAlpn)).toEqual([18, 14, undefined, undefined]);
  });
});

describe.each(DRAFTS)("draft %i", (draft) => {
  const codec = codecs.get(draft)!;

  test("messages are read as they were written, however they are cut", () => {
    fc.assert(
      fc.property(fc.array(message(draft), { minLength: 1, maxLength: 3 }), fc.nat(), (messages, cut) => {
        const stream = concat(...messages.map((each) => codec.emit(each)));
        const reader = new ControlReader(codec);
        const found: (ControlMessage | undefined)[] = [];
        for (const part of [stream.subarray(0, cut % stream.length), stream.subarray(cut % stream.length)]) {
          reader.push(part);
          for (let next = reader.poll(); next !== undefined; next = reader.poll()) found.push(next);
        }
        expect(found).toEqual(messages);
        expect(reader.isPartial).toBe(false);
      }),
      { numRuns: runs(150) },
    );
  });

  test("a body that is one byte shorter or longer is refused, or says something else", () => {
    fc.assert(
      fc.property(message(draft), fc.boolean(), (value, isShorter) => {
        const bytes = codec.emit(value);
        const head = draft >= 18 && value.type === "setup" ? 4 : 3;
        const body = isShorter ? bytes.subarray(head, -1) : concat(bytes.subarray(head), Uint8Array.of(0));
        const id = bytes[0]! === 0xaf ? 0x2f00 : bytes[0]!;
        if (bytes.length === head && isShorter) return;
        try {
          expect(codec.parse(id, body)).not.toEqual(value);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: runs(100) },
    );
  });

  test("a stream that ends in a message is refused", () => {
    const reader = new ControlReader(codec);
    reader.push(Uint8Array.of(0x10, 0x00));
    expect(reader.poll()).toBeUndefined();
    expect(failure(() => reader.end())).toContain("in the middle of a message");
  });

  test("a message that it does not have cannot be sent", () => {
    const other: ControlMessage = draft >= 18 ? { type: "unsubscribe", requestId: 0 } : { type: "setup", options: {} };
    expect(() => codec.emit(other)).toThrow(RangeError);
    expect(codec.has(other.type)).toBe(false);
  });
});

describe("forbidden input (draft 18)", () => {
  const SUBSCRIBE = "03 %len 00 %rest";
  /** SUBSCRIBE with the body after the request id. */
  const subscribe = (rest: string): string => {
    const length = (fromHex(rest).length + 1).toString(16).padStart(4, "0");
    return SUBSCRIBE.replace("%len", length).replace("%rest", rest);
  };
  const track = "01 01 61 01 76";

  test.each([
    ["an unknown message", "3f 0000", "control message: the unknown type 63"],
    ["bytes after the end", "10 0005 00 00 aabbcc", "goaway: 1 bytes after the end of the message"],
    ["an unknown parameter", subscribe(`${track} 01 3f 00`), "subscribe: an unknown parameter of type 63"],
    ["a parameter twice", subscribe(`${track} 02 10 01 00 01`), "subscribe: the parameter forward twice"],
    ["FORWARD of 2", subscribe(`${track} 01 10 02`), "subscribe: 2 where 0 or 1 has to be"],
    ["a group order of 0", subscribe(`${track} 01 22 00`), "subscribe: a group order of 0"],
    ["a filter of type 9", subscribe(`${track} 01 21 01 09`), "subscribe: a filter of type 9"],
    [
      "a filter with more than it needs",
      subscribe(`${track} 01 21 02 01 00`),
      "subscribe: 1 bytes too many in parameter 33",
    ],
    ["33 fields of a namespace", subscribe(`21 ${"01 61".repeat(33)} 01 76 00`), "subscribe: a namespace of 33 fields"],
    ["an empty field", subscribe("01 00 01 76 00"), "subscribe: an empty field in a namespace"],
    [
      "a name of 4,097 bytes",
      subscribe(`01 01 61 9000 ${"76".repeat(4_096)} 00`),
      "subscribe: a name of more than 4096 bytes",
    ],
    ["a reason of 1,025 bytes", `05 0405 00 00 8401 ${"61".repeat(1_025)}`, "request-error: a reason of 1025 bytes"],
    ["a URI of 8,193 bytes", `10 2004 a001 ${"61".repeat(8_193)} 00`, "goaway: a URI of 8193 bytes"],
    ["a value of 65,536 bytes", "af00 0005 03 c10000 00", "setup: a value of 65536 bytes"],
    ["types above 2^64-1", "af00 000d ffffffffffffffffff 00 02 0000", "setup: a type above 2^64-1"],
    ["an option twice", "af00 0006 01 01 61 00 01 61", "setup: the option path twice"],
    ["a message that ends early", "0b 0002 00 00", "publish-done: needed 1 bytes, 0 left at byte 2"],
  ])("%s", (_, hex, reason) => {
    expect(failure(() => read(18, hex))).toContain(reason);
  });

  test("a malformed token is a formatting error", () => {
    const run = () => read(18, subscribe(`${track} 01 03 01 09`));
    expect(run).toThrow(expect.objectContaining({ code: SESSION_ERRORS.KEY_VALUE_FORMATTING_ERROR.code }));
  });

  test("a fill with what may not be there is refused in draft 20", () => {
    expect(failure(() => read(20, subscribe(`${track} 01 23 03 01 10 01`)))).toContain(
      "a parameter that may not be there",
    );
  });

  test("unknown setup options, properties and codes pass", () => {
    expect(read(18, "af00 0006 4e 01 00 02 00 03")).toMatchObject({
      options: { others: [{ type: 78 }, {}, {}] },
    });
    expect(read(18, "05 0004 bfff 00 00")).toEqual({
      type: "request-error",
      code: 0x3fff,
      reason: "",
    });
    expect(read(14, "03 0010 00 01 04 6c697665 01 76 01 00 01 01 01 3e 05")).toMatchObject({ type: "subscribe" });
  });
});

test("what draft 20 says of filters is said in older drafts as far as they can", () => {
  const update = (filter: object): ControlMessage => ({
    type: "request-update",
    requestId: 0,
    parameters: { filter } as never,
  });
  const through = (draft: 18 | 20, filter: object): unknown => {
    const found = read(draft, toHex(codecs.get(draft)!.emit(update(filter))));
    return (found as { parameters: { filter: unknown } }).parameters.filter;
  };
  expect(through(18, { type: "recent", groups: 3 })).toEqual({ type: "next-group" });
  expect(through(18, { type: "all" })).toEqual({ type: "start", start: { group: 0, object: 0 } });
  // An absolute {0, 0} cannot be spelled in draft 20.
  expect(through(20, { type: "start", start: { group: 0, object: 0 } })).toEqual({ type: "all" });
});

test("the dialect of each draft", () => {
  expect(DRAFTS.map((draft) => new Dialect(draft).integers === MOQ_INTEGERS)).toEqual([true, true, false, false]);
});

describe("versions", () => {
  test.each<[readonly string[], number | undefined]>([
    [PROTOCOLS, 20],
    [["moqt-16", "moqt-18", "moqt-19"], 18],
    [["moq-00"], 14],
    [[], 14],
    [["moq-lite-05", "moqt-22"], undefined],
  ])("of the names %j a server chooses draft %s", (offered, draft) => {
    expect(chooseDraft(offered)).toBe(draft);
  });

  test("a server that does not speak draft 14 does not take a client that offers nothing", () => {
    expect(chooseDraft([], [20, 18])).toBeUndefined();
  });
});

test.each(DRAFTS)("codes of all 62 or 64 bits are read and said again in draft %i", (draft) => {
  const code = Number.MAX_SAFE_INTEGER;
  const message = { type: "publish-done" as const, status: code, reason: "" };
  const codec = new ControlCodec(draft);
  const id = draft < 18 ? { requestId: 0 } : {};
  const wide = draft < 18 ? "ff ff ff ff ff ff ff ff" : "ff ff ff ff ff ff ff ff ff";
  const body = fromHex(`${draft < 18 ? "00" : ""} ${wide} 00 00`);
  const read = codec.parse(0x0b, body);
  expect(read).toEqual({ ...message, ...id, streamCount: 0 });
  const reader = new ControlReader(codec);
  reader.push(codec.emit(read));
  expect(reader.poll()).toEqual(read);
});
