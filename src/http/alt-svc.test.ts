import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAltSvc } from "./alt-svc.ts";

describe("Alt-Svc, RFC 7838 §3", () => {
  const plain = { maxAge: 86_400, persists: false, quicVersions: [] };

  test("protocol, host, port and parameters are parsed", () => {
    const field =
      'h3=":443"; ma=2592000; persist=1, h2="alt.example:8443"; foo="a;b,c", h3="[::1]:9"; ma="60"; persist=2';
    expect(parseAltSvc(field)).toEqual([
      { ...plain, protocol: "h3", alternative: { host: "", port: 443 }, maxAge: 2_592_000, persists: true },
      { ...plain, protocol: "h2", alternative: { host: "alt.example", port: 8443 } },
      { ...plain, protocol: "h3", alternative: { host: "::1", port: 9 }, maxAge: 60 },
    ]);
  });

  test("QUIC versions belong to alternatives over QUIC, and a malformed list says nothing", () => {
    const versions = (field: string): readonly number[] => parseAltSvc(field)[0]!.quicVersions;
    expect(versions('h3=":443"; quicv="6b3343cf, 00000001"')).toEqual([0x6b3343cf, 1]);
    expect(versions('h3=":443"; quicv="1"')).toEqual([1]);
    for (const quicv of ["x", "1,", "", "123456789"]) expect(versions(`h3=":443"; quicv="${quicv}"`)).toEqual([]);
    expect(versions('h2=":443"; quicv="1"')).toEqual([]);
  });

  test("protocol IDs are percent-decoded, and separators within quotes do not split", () => {
    expect(parseAltSvc('w%3Dx%3Ay="a,b:1", h%33=":2"')).toEqual([
      { ...plain, protocol: "h3", alternative: { host: "", port: 2 } },
    ]);
  });

  test("huge and malformed values: ages are limited, and so is the number of alternatives", () => {
    expect(parseAltSvc(`h3=":1"; ma=1${"0".repeat(30)}`)[0]!.maxAge).toBe(2 ** 31);
    expect(parseAltSvc('h3=":1"; ma=-1, h3=":2"; ma=x, h3=":3"')).toHaveLength(1);
    const many = Array.from({ length: 1_000 }, (_, i) => `h3=":${i + 1}"`).join(", ");
    expect(parseAltSvc(many).map(({ alternative }) => alternative.port)).toEqual(
      Array.from({ length: 32 }, (_, i) => i + 1),
    );
    expect(parseAltSvc('h3=":0", h3=":65536", h3="\u00e4.example:1", h3=":7"')).toHaveLength(1);
  });

  test("clear removes what stands beside it too, and is case-sensitive", () => {
    expect(parseAltSvc('h3=":443", clear')).toEqual([]);
    expect(parseAltSvc('h3=":443", Clear')).toHaveLength(1);
  });

  test("malformed members are ignored", () => {
    for (const field of ["", "clear", "h3", "h3=443", 'h3=":x"', 'h3=":99999"', 'h3="', ",;,", 'h3="[nope]:1"']) {
      expect(parseAltSvc(field)).toEqual([]);
    }
    fc.assert(fc.property(fc.string(), (field) => Array.isArray(parseAltSvc(field))));
  });
});
