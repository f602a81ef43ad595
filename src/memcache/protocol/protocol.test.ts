/** Requests as clients send them, and responses as backends send them, cut at every place. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../test/properties/runs.ts";
import { decodeKey } from "./base64-key.ts";
import { COMMANDS, commandName } from "./command.ts";
import { withFlag, withLine, withToken } from "./edit.ts";
import { Output } from "./output.ts";
import { latin1, parseRequest, parseRequestText, type Request, text } from "./request.ts";
import { type Response, ResponseReader } from "./response.ts";

const parsed = (line: string): Request => parseRequestText(line)!;

describe("request lines", () => {
  test.each([
    ["get foo/a", "get", "foo/a", "no"],
    ["get  foo/a", "get", "foo/a", "no"],
    ["gat 0 foo/a", "gat", "foo/a", "no"],
    ["mg foo/a v t q", "mg", "foo/a", "meta"],
    ["md foo/a", "md", "foo/a", "no"],
    ["delete a noreply", "delete", "a", "noreply"],
    ["incr a 1 noreply", "incr", "a", "noreply"],
    ["touch noreply 1", "touch", "noreply", "no"],
    ["delete noreply", "delete", "noreply", "no"],
    ["get noreply", "get", "noreply", "no"],
  ] as const)("%j is understood", (line, command, key, quiet) => {
    const request = parsed(line);
    expect([commandName(request.command), request.key, request.quiet]).toEqual([command, key, quiet]);
  });

  test.each([
    "",
    "a",
    "get",
    "gat 0",
    "mg",
    "touch a",
    "incr a",
    "set a 0 0",
    "set a 0 0 -1",
    "set a 0 0 x",
    "set a 0 0 2147483646",
    "ms a",
    "ms a S2",
    "mg a {",
    "mg a 5",
    " get a",
    "GET a",
    "flush_all",
    "bogus",
  ])("%j is malformed", (line) => {
    expect(parseRequestText(line)).toBeUndefined();
  });

  test.each([
    ["set a 0 0 2", 4],
    ["set a 0 0 2 noreply", 4],
    ["cas a 0 0 10 5", 12],
    ["set a 0 0 -0", 2],
    ["set a 0 0 5x", 7],
    ["ms a 0", 2],
    ["ms a 7 T0 F1", 9],
  ])("%j announces a value of %i bytes with its line end", (line, length) => {
    expect(parsed(line).valueLength).toBe(length);
  });

  test("flags of meta requests are known by their letter", () => {
    const request = parsed("ms a 2 T60 q b");
    expect(["T", "q", "b", "v"].map((flag) => request.hasFlag(flag))).toEqual([true, true, true, false]);
  });

  test("a line may end with LF alone", () => {
    const bytes = latin1("get a\n");
    expect(parseRequest(bytes, 0, bytes.length)?.key).toBe("a");
  });

  test("any bytes are parsed or refused", () => {
    const words = fc.constantFrom(...Object.keys(COMMANDS), "noreply", "0", "17", "-1", "q", "v", "T60", "key", "{");
    const line = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.array(words, { maxLength: 30 }).map((list) => latin1(list.join(" "))),
    );
    fc.assert(
      fc.property(line, (body) => {
        const bytes = Uint8Array.of(...body.map((byte) => (byte === 10 ? 32 : byte)), 13, 10);
        const request = parseRequest(bytes, 0, bytes.length);
        if (request === undefined || request.command > COMMANDS.prepend || request.command === COMMANDS.mn) return;
        expect(request.keyEnd).toBeGreaterThan(request.keyStart);
        expect(request.key).not.toContain(" ");
        expect(request.tokens()[0]).toBe(commandName(request.command));
      }),
      { numRuns: runs(300) },
    );
  });
});

describe("edited requests", () => {
  test("keep the value, and the original", () => {
    const request = parsed("set a 0 0 2");
    request.value = latin1("hi\r\n");
    const edited = withToken(request, 3, "60")!;
    expect(text(edited.bytes, edited.start, edited.lineEnd)).toBe("set a 0 60 2");
    expect(edited.value).toBe(request.value);
    expect(request.tokens()[3]).toBe("0");
  });

  test("set a flag that is there, and add one that is not", () => {
    expect(withFlag(parsed("ms a 2 T5 q"), "T", "9")!.tokens()).toEqual(["ms", "a", "2", "T9", "q"]);
    expect(withFlag(parsed("ms a 2"), "T", "9")!.tokens()).toEqual(["ms", "a", "2", "T9"]);
  });

  test("cannot lose their value", () => {
    expect(withLine(parsed("set a 0 0 2"), "get a")).toBeUndefined();
  });
});

describe("base64 keys", () => {
  test("decode as Node's do, or not at all", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const encoded = latin1(`--${Buffer.from(bytes).toString("base64")}--`);
        expect(decodeKey(encoded, 2, encoded.length - 2)).toEqual(bytes);
      }),
      { numRuns: runs(100) },
    );
    for (const wrong of ["a", "ab", "abc", "ab=c", "a===", "ab!c", "é"]) {
      const bytes = latin1(wrong);
      expect(decodeKey(bytes, 0, bytes.length)).toBeUndefined();
    }
  });
});

describe("output", () => {
  test("keeps bytes in order, whatever their size", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 30 }), fc.nat(5), (sizes, every) => {
        const output = new Output();
        const expected: Uint8Array[] = [];
        const taken: Uint8Array[] = [];
        for (const [i, size] of sizes.entries()) {
          const bytes = new Uint8Array(size).fill(i + 1);
          output.append(bytes, 0, size);
          expected.push(bytes);
          if (i % (every + 1) === 0) taken.push(...output.take());
        }
        taken.push(...output.take());
        expect(output.length).toBe(0);
        expect(Buffer.concat(taken).equals(Buffer.concat(expected))).toBe(true);
      }),
      { numRuns: runs(50) },
    );
  });
});

/** Requests with the responses that belong to them. */
const EXCHANGES: readonly (readonly [string, string])[] = [
  ["get foo/a", "VALUE foo/a 0 2\r\nhi\r\nEND\r\n"],
  ["get foo/b", "END\r\n"],
  ["gets foo/a", "VALUE foo/a 5 3 17\r\nEND\r\nEND\r\n"],
  ["set a 0 0 2", "STORED\r\n"],
  ["cas a 0 0 2 1", "EXISTS\r\n"],
  ["add a 0 0 2", "SERVER_ERROR out of memory storing object\r\n"],
  ["incr a 1", "18\r\n"],
  ["incr a 1", "NOT_FOUND\r\n"],
  ["touch a 1", "TOUCHED\r\n"],
  ["delete a", "DELETED\r\n"],
  ["mg a v t", "VA 4 t-1\r\n\r\n\r\n\r\n"],
  ["mg a", "HD\r\n"],
  ["mg a v", "EN\r\n"],
  ["ms a 2", "NS\r\n"],
  ["md a", "NF\r\n"],
  ["ma a v", "VA 1\r\n5\r\n"],
  ["me a", "ME a exp=-1 la=2\r\n"],
  ["incr a 1", "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"],
];

describe("responses", () => {
  const requests = EXCHANGES.map(([line]) => parsed(line));
  const stream = latin1(EXCHANGES.map(([, response]) => response).join(""));

  function readAll(chunks: readonly Uint8Array[]): string[] {
    const reader = new ResponseReader(1000);
    const found: string[] = [];
    for (const chunk of chunks) {
      reader.push(chunk);
      while (found.length < requests.length) {
        const response = reader.next(requests[found.length]!);
        if (response === undefined) break;
        if (typeof response === "string") throw new Error(response);
        found.push(text(response.bytes, response.start, response.end));
      }
    }
    expect(reader.hasBytes).toBe(false);
    return found;
  }

  test("are the same wherever the stream is cut", () => {
    const expected = EXCHANGES.map(([, response]) => response);
    expect(readAll([stream])).toEqual(expected);
    expect(readAll(Array.from(stream, (byte) => Uint8Array.of(byte)))).toEqual(expected);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 40 }), (sizes) => {
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (let i = 0; at < stream.length; i += 1) {
          const next = Math.min(stream.length, at + sizes[i % sizes.length]!);
          chunks.push(stream.slice(at, next));
          at = next;
        }
        expect(readAll(chunks)).toEqual(expected);
      }),
      { numRuns: runs(100) },
    );
  });

  test("of one key of a multiget have no END", () => {
    const request = parsed("get a");
    request.isPart = true;
    const reader = new ResponseReader(1000);
    reader.push(latin1("VALUE a 0 2\r\nhi\r\nEND\r\nEND\r\n"));
    const [hit, miss] = [reader.next(request) as Response, reader.next(request) as Response];
    expect(text(hit.bytes, hit.start, hit.end)).toBe("VALUE a 0 2\r\nhi\r\n");
    expect([hit.hit, miss.hit, miss.ok, miss.end - miss.start]).toEqual([true, false, true, 0]);
  });

  test.each([
    ["get a", "VALUE b 0 2\r\nhi\r\nEND\r\n", "unhandledres"],
    ["get a", "VALUE a 0 2\r\nhi!\r\nEND\r\n", "parsing"],
    ["get a", "VALUE a 0 2\r\nhi\r\nVALUE", "missingend"],
    ["get a", "VALUE a 0 2000\r\n", "outofmemory"],
    ["get a", "VALUE a 0 99999999999999999999\r\n", "parsing"],
    ["get a", "VALUE a 0 x\r\n", "parsing"],
    ["get a", "STORED\r\n", "unhandledres"],
    ["get a", "HD\r\n", "unhandledres"],
    ["get a", "12\r\n", "unhandledres"],
    ["set a 0 0 2", "VALUE a 0 2\r\nhi\r\nEND\r\n", "unhandledres"],
    ["set a 0 0 2", "END\r\n", "unhandledres"],
    ["mg a v", "END\r\n", "unhandledres"],
    ["mg a v", "VA x\r\n", "parsing"],
    ["mg a v", "VA\r\n", "unhandledres"],
    ["mg a v", "\r\n", "parsing"],
    ["mg a v", "HTTP/1.1 400 Bad Request\r\n", "parsing"],
    ["mg a v", "x".repeat(9000), "parsing"],
  ])("to %j that cannot belong to it end the connection: %j", (line, bytes, failure) => {
    const reader = new ResponseReader(1000);
    reader.push(latin1(bytes.padEnd(40, "x")));
    expect(reader.next(parsed(line))).toBe(failure);
  });

  test("any bytes give a response, a failure, or a wait", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 10 }), (chunks) => {
        const reader = new ResponseReader(1000);
        const request = parsed("mg a v");
        for (const chunk of chunks) {
          reader.push(chunk);
          for (;;) {
            const response = reader.next(request);
            if (response === undefined) break;
            if (typeof response === "string") return;
          }
        }
      }),
      { numRuns: runs(300) },
    );
  });
});
