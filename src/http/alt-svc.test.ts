import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseAltSvc } from "./alt-svc.ts";

describe("Alt-Svc, RFC 7838 §3", () => {
  test("protocol, host, port and ma are parsed", () => {
    expect(parseAltSvc('h3=":443"; ma=2592000; persist=1, h2="alt.example:8443", h3="[::1]:9"; ma="60"')).toEqual([
      { protocol: "h3", alternative: { host: "", port: 443 }, maxAge: 2_592_000 },
      { protocol: "h2", alternative: { host: "alt.example", port: 8443 }, maxAge: 86_400 },
      { protocol: "h3", alternative: { host: "::1", port: 9 }, maxAge: 60 },
    ]);
  });

  test("protocol IDs are percent-decoded, and separators within quotes do not split", () => {
    expect(parseAltSvc('w%3Dx%3Ay="a,b:1", h%33=":2"')).toEqual([
      { protocol: "h3", alternative: { host: "", port: 2 }, maxAge: 86_400 },
    ]);
  });

  test("malformed members are ignored", () => {
    for (const field of ["", "clear", "h3", "h3=443", 'h3=":x"', 'h3=":99999"', 'h3="', ",;,", 'h3="[nope]:1"']) {
      expect(parseAltSvc(field)).toEqual([]);
    }
    fc.assert(fc.property(fc.string(), (field) => Array.isArray(parseAltSvc(field))));
  });
});
