import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../wire/hex.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";
import { parseRecord, printRecord, svcParamValues } from "./index.ts";
import { readData, writeData } from "./record-data.ts";
import { RECORD_TYPES } from "./record-types.ts";

const wire = (text: string): string => {
  const writer = new Writer(new Uint8Array(2_000));
  writeData(writer, parseRecord(`example.com. ${text}`).data);
  return toHex(writer.written());
};
const read = (hex: string, type: "SVCB" | "HTTPS" = "SVCB") =>
  readData(RECORD_TYPES[type].number, new Reader(fromHex(hex)));

const FOO_COM = "03 666f6f 07 6578616d706c65 03 636f6d 00";
const FOO_ORG = "03 666f6f 07 6578616d706c65 03 6f7267 00";

describe("RFC 9460 Appendix D", () => {
  test.each([
    ["D.1, figure 2", "HTTPS 0 foo.example.com.", `0000 ${FOO_COM}`],
    ["D.2, figure 3", "SVCB 1 .", "0001 00"],
    ["D.2, figure 4", "SVCB 16 foo.example.com. port=53", `0010 ${FOO_COM} 0003 0002 0035`],
    ["D.2, figure 5", "SVCB 1 foo.example.com. key667=hello", `0001 ${FOO_COM} 029b 0005 68656c6c6f`],
    [
      "D.2, figure 6",
      'SVCB 1 foo.example.com. key667="hello\\210qoo"',
      `0001 ${FOO_COM} 029b 0009 68656c6c6f d2 716f6f`,
    ],
    [
      "D.2, figure 7",
      'SVCB 1 foo.example.com. (\n ipv6hint="2001:db8::1,2001:db8::53:1"\n )',
      `0001 ${FOO_COM} 0006 0020 20010db8000000000000000000000001 20010db8000000000000000000530001`,
    ],
    [
      "D.2, figure 8",
      'SVCB 1 example.com. (\n ipv6hint="2001:db8:122:344::192.0.2.33"\n )',
      "0001 07 6578616d706c65 03 636f6d 00 0006 0010 20010db8012203440000000 0c0000221",
    ],
    [
      "D.2, figure 9",
      "SVCB 16 foo.example.org. (\n alpn=h2,h3-19 mandatory=ipv4hint,alpn\n ipv4hint=192.0.2.1\n )",
      `0010 ${FOO_ORG} 0000 0004 0001 0004 0001 0009 02 6832 05 68332d3139 0004 0004 c0000201`,
    ],
    [
      "D.2, figure 10, quoted",
      String.raw`SVCB 16 foo.example.org. alpn="f\\\\oo\\,bar,h2"`,
      `0010 ${FOO_ORG} 0001 000c 08 665c6f6f2c626172 02 6832`,
    ],
    [
      "D.2, figure 10, with digits",
      String.raw`SVCB 16 foo.example.org. alpn=f\\\092oo\092,bar,h2`,
      `0010 ${FOO_ORG} 0001 000c 08 665c6f6f2c626172 02 6832`,
    ],
  ])("%s", (_figure, text, hex) => {
    const compact = hex.replaceAll(" ", "");
    expect(wire(text)).toBe(compact);
    const data = read(compact, text.startsWith("HTTPS") ? "HTTPS" : "SVCB");
    expect(data).toEqual(parseRecord(`example.com. ${text}`).data);
    // Printing loses no bytes, whatever form it chooses.
    const record = parseRecord(`example.com. ${text}`);
    expect(parseRecord(printRecord(record))).toEqual(record);
  });

  test.each([
    ["D.3, figure 11", "SVCB 1 foo.example.com. (key123=abc key123=def)", "key123 appears twice"],
    ["D.3, figure 12", "SVCB 1 foo.example.com. mandatory", "mandatory: "],
    ["D.3, figure 12", "SVCB 1 foo.example.com. alpn", "alpn: "],
    ["D.3, figure 12", "SVCB 1 foo.example.com. port", "port: "],
    ["D.3, figure 12", "SVCB 1 foo.example.com. ipv4hint", "ipv4hint: "],
    ["D.3, figure 12", "SVCB 1 foo.example.com. ipv6hint", "ipv6hint: "],
    ["D.3, figure 13", "SVCB 1 foo.example.com. no-default-alpn=abc", "no-default-alpn: it takes no value"],
    ["D.3, figure 14", "SVCB 1 foo.example.com. mandatory=key123", "key123 is mandatory, but absent"],
    ["D.3, figure 15", "SVCB 1 foo.example.com. mandatory=mandatory", "it must not name itself"],
    ["D.3, figure 16", "SVCB 1 foo.example.com. (mandatory=key123,key123 key123=abc)", "a key appears twice"],
  ])("%s is refused: %s", (_figure, text, problem) => {
    expect(() => parseRecord(`example.com. ${text}`)).toThrow(problem);
  });
});

describe("presentation format", () => {
  test.each([
    [
      "HTTPS 1 . alpn=h3,h2 port=8443 ipv4hint=192.0.2.7",
      "000100 0001 0006 026833026832 0003 0002 20fb 0004 0004 c0000207",
    ],
    ["HTTPS 0 cdn.example.net.", "0000 0363646e076578616d706c65036e657400"],
    ["HTTPS 1 . no-default-alpn alpn=h2", "000100 0001 0003 026832 0002 0000"],
    ["HTTPS 1 . alpn=h3 mandatory=alpn", "000100 0000 0002 0001 0001 0003 026833"],
    [
      "HTTPS 1 . preconnectHint=www.example.com,img.example.org alpn=h2",
      "000100 0001 0003 026832 ff78 0022 03777777076578616d706c6503636f6d00 03696d67076578616d706c65036f726700",
    ],
    ["HTTPS 1 . alpn=h3 quicv=6b3343cf,1", "000100 0001 0003 026833 ff79 0008 6b3343cf 00000001"],
    ["HTTPS 1 . alpn=h3 alt-only mandatory=alt-only", "000100 0000 0002 ff7a 0001 0003 026833 ff7a 0000"],
    ["HTTPS 1 . ech=AQIDBA==", "000100 0005 0004 01020304"],
    ["SVCB 1 . dohpath=/dns-query{?dns}", "000100 0007 0010 2f646e732d71756572797b3f646e737d"],
    ["HTTPS 1 . tls-supported-groups=29,23 ohttp", "000100 0008 0000 0009 0004 001d 0017"],
    ['HTTPS 1 . key3="\\001\\187"', "000100 0003 0002 01bb"],
    ["TYPE65 \\# 7 000100 0003 0000", "refused"],
    ["TYPE65 \\# 9 000100 0003 0002 01bb", "000100 0003 0002 01bb"],
  ])("%s", (text, hex) => {
    if (hex === "refused") expect(() => wire(text)).toThrow("port");
    else expect(wire(text)).toBe(hex.replaceAll(" ", ""));
  });

  test.each([
    "HTTPS 1 . port=65536",
    "HTTPS 1 . port=080",
    "HTTPS 1 . alpn=h2,",
    "HTTPS 1 . alpn=,h2",
    "HTTPS 1 . ipv4hint=192.0.2.1,",
    "HTTPS 1 . ipv4hint=2001:db8::1",
    "HTTPS 1 . ALPN=h2",
    "HTTPS 1 . key01=x",
    "HTTPS 1 . key65535=x",
    "HTTPS 1 . key3=x",
    "HTTPS 1 . unknown=x",
    "HTTPS 1 . no-default-alpn",
    "HTTPS 1 . quicv=123456789",
    "HTTPS 1 . preconnectHint=",
    "HTTPS 65536 .",
    "HTTPS 1",
  ])("%s is refused", (text) => {
    expect(() => wire(text)).toThrow();
  });
});

describe("malformed data on the wire is kept as such", () => {
  test.each([
    ["keys out of order", "000100 0003 0002 01bb 0001 0003 026832"],
    ["a key twice", "000100 0003 0002 01bb 0003 0002 01bb"],
    ["a protocol that overruns alpn", "000100 0001 0003 036832"],
    ["an empty protocol", "000100 0001 0001 00"],
    ["an empty alpn", "000100 0001 0000"],
    ["three bytes of an address", "000100 0004 0003 c00002"],
    ["an empty hint", "000100 0006 0000"],
    ["one byte of a port", "000100 0003 0001 35"],
    ["a value for no-default-alpn", "000100 0001 0003 026832 0002 0001 00"],
    ["an empty mandatory", "000100 0000 0000"],
    ["an unsorted mandatory", "000100 0000 0004 0004 0001 0001 0003 026833 0004 0004 c0000201"],
    ["mandatory that names itself", "000100 0000 0002 0000"],
    ["a parameter beyond the end", "000100 0003 0002 01"],
    ["half a key", "000100 00"],
    ["a compressed target", "0001 c000"],
  ])("%s", (_what, hex) => {
    expect(read(hex)).toMatchObject({ type: "malformed" });
  });
});

test("a key for private use that means something else to others spoils nothing", () => {
  const record = parseRecord('a. HTTPS 1 . alpn=h2 key65400="hello\\\\001" key65401=xyz key65402=x');
  if (record.data.type !== "HTTPS") throw new Error("expected an HTTPS record");
  expect(svcParamValues(record.data.params)).toMatchObject({
    alpn: ["h2"],
    preconnectHint: [],
    quicv: [],
    altOnly: false,
  });
  expect(parseRecord(printRecord(record))).toEqual(record);
  expect(read("000100 0001 0003 026832 ff78 0001 ff")).toMatchObject({ type: "SVCB" });
});

test("values for clients", () => {
  const { data } = parseRecord(
    "a. HTTPS 1 b. alpn=h3,h2 port=8443 ipv4hint=192.0.2.7 ipv6hint=2001:db8::7 quicv=1 ech=AAAA",
  );
  if (data.type !== "HTTPS") throw new Error("expected an HTTPS record");
  expect(svcParamValues(data.params)).toEqual({
    mandatory: [],
    alpn: ["h3", "h2"],
    noDefaultAlpn: false,
    port: 8443,
    ipv4hint: ["192.0.2.7"],
    ipv6hint: ["2001:db8::7"],
    hasEch: true,
    altOnly: false,
    quicv: [1],
    preconnectHint: [],
  });
});
