import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../../test/properties/runs.ts";
import { ACCESS_LOG_FORMATS, formatRecord } from "./formats.ts";
import type { RequestRecord } from "./record.ts";

const RECORD: RequestRecord = {
  time: "2026-11-05T09:08:07.123Z",
  site: "example.com",
  remoteAddress: "192.0.2.7",
  protocol: "h3",
  method: "GET",
  authority: "example.com",
  path: "/a?b=*",
  status: 200,
  aborted: false,
  bytesIn: 0,
  bytesOut: 512,
  milliseconds: 1.25,
  firstByteMilliseconds: 1,
  requestId: "id-1",
  traceId: undefined,
  spanId: undefined,
  userAgent: 'agent "quoted" \\ 流れ',
  referer: undefined,
  upstream: "http://127.0.0.1:3000",
  session: undefined,
  fields: undefined,
};

describe("a record as", () => {
  test("JSON has no members that are undefined", () => {
    const parsed = JSON.parse(formatRecord(RECORD, "json"));
    expect(parsed).toEqual(JSON.parse(JSON.stringify(RECORD)));
    expect(parsed).not.toHaveProperty("referer");
  });

  test("Common Log Format", () => {
    const line = '192.0.2.7 - - [05/Nov/2026:09:08:07 +0000] "GET /a?b=* HTTP/3.0" 200 512';
    expect(formatRecord(RECORD, "common")).toBe(line);
  });

  test("Combined Log Format, with Apache's escapes", () => {
    const line = formatRecord(RECORD, "combined");
    expect(line).toMatch(/ 200 512 "-" "agent \\"quoted\\" \\\\ \\xe6\\xb5\\x81\\xe3\\x82\\x8c"$/);
  });

  test("Common Log Format without a response and content", () => {
    expect(formatRecord({ ...RECORD, status: undefined, bytesOut: 0 }, "common")).toMatch(/" 499 -$/);
  });

  test("text for people", () => {
    const line = "2026-11-05T09:08:07.123Z 192.0.2.7 h3 GET example.com/a?b=* 200 from http://127.0.0.1:3000 1.3 ms";
    expect(formatRecord(RECORD, "text")).toBe(line);
  });

  test("text with a WebTransport session", () => {
    const [streams, bytes] = [
      { streamsIn: 3, streamsOut: 1 },
      { bytesIn: 10, bytesOut: 20 },
    ];
    const datagrams = { datagramsIn: 7, datagramsOut: 6, datagramsDropped: 2 };
    const end = { closeCode: 5, reason: "bye\n" };
    const session = { carrier: "h3 draft-02", protocol: "", ...streams, ...bytes, ...datagrams, ...end };
    expect(formatRecord({ ...RECORD, session }, "text")).toContain(
      "1.3 ms; WebTransport over h3 draft-02: streams 3 in 1 out, bytes 10 in 20 out, datagrams 7 in 6 out 2 dropped, closed with 5 (bye",
    );
    const cut = { ...session, closeCode: undefined, reason: undefined };
    expect(formatRecord({ ...RECORD, session: cut }, "text")).toMatch(/dropped, cut off$/);
  });
});

/** Whatever clients may send, and more. */
const hostile = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.constantFrom("\r\n", '" 200 1 "-" "-"\n127.0.0.1 - -', "\\", "\u2028", "\x1b[2J", "\u202e", "\0", "\x85", '\\"'),
);

test("whatever a client sends, each format is one line without control characters", () => {
  fc.assert(
    fc.property(hostile, hostile, hostile, fc.constantFrom(...ACCESS_LOG_FORMATS), (path, agent, method, format) => {
      const line = formatRecord(
        { ...RECORD, path, userAgent: agent, referer: agent, method, authority: agent },
        format,
      );
      // biome-ignore lint/suspicious/noControlCharactersInRegex: it must not match any
      expect(line).not.toMatch(/[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e]/);
      if (format === "json") expect(JSON.parse(line)).toMatchObject({ path, userAgent: agent, method });
      // A reader that splits by quotes finds the parts that were written.
      if (format === "combined") expect(unescapedParts(line)).toHaveLength(3);
    }),
    { numRuns: runs(300) },
  );
});

/** The quoted parts of a line, as tools for these formats read them. */
const unescapedParts = (line: string): string[] => line.match(/"(?:[^"\\]|\\.)*"/g) ?? [];
