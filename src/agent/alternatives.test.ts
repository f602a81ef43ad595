import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Alternatives, parseAltSvc } from "./alternatives.ts";

const ORIGIN = "https://example.com";

describe("Alt-Svc, RFC 7838 §3", () => {
  test("protocol, host, port and ma are read", () => {
    expect(parseAltSvc('h3=":443"; ma=2592000; persist=1, h2="alt.example:8443", h3="[::1]:9"; ma="60"')).toEqual([
      { protocol: "h3", alternative: { host: "", port: 443 }, maxAge: 2_592_000 },
      { protocol: "h2", alternative: { host: "alt.example", port: 8443 }, maxAge: 86_400 },
      { protocol: "h3", alternative: { host: "::1", port: 9 }, maxAge: 60 },
    ]);
  });

  test("protocol ids are percent-decoded, separators within quotes are kept", () => {
    expect(parseAltSvc('w%3Dx%3Ay="a,b:1", h%33=":2"')).toEqual([
      { protocol: "h3", alternative: { host: "", port: 2 }, maxAge: 86_400 },
    ]);
  });

  test("what is malformed advertises nothing and breaks nothing", () => {
    for (const field of ["", "clear", "h3", "h3=443", 'h3=":x"', 'h3=":99999"', 'h3="', ",;,", 'h3="[nope]:1"']) {
      expect(parseAltSvc(field)).toEqual([]);
    }
    fc.assert(fc.property(fc.string(), (field) => Array.isArray(parseAltSvc(field))));
  });
});

describe("what is remembered of an origin", () => {
  test("an advertisement lasts for its ma, and the newest one counts", () => {
    const known = new Alternatives();
    expect(known.http3(ORIGIN, 0)).toEqual({ kind: "unknown" });
    known.advertised(ORIGIN, 'h3=":8443"; ma=10', 0);
    expect(known.http3(ORIGIN, 9_999)).toEqual({ kind: "advertised", alternative: { host: "", port: 8443 } });
    expect(known.http3(ORIGIN, 10_000)).toEqual({ kind: "unknown" });
    known.advertised(ORIGIN, 'h3=":8443"; ma=10', 0);
    known.advertised(ORIGIN, "clear", 1);
    expect(known.http3(ORIGIN, 2)).toEqual({ kind: "unknown" });
  });

  test("broken HTTP/3 is left alone for longer each time, until it works", () => {
    const minute = 60_000;
    const known = new Alternatives();
    known.advertised(ORIGIN, 'h3=":443"', 0);
    known.failed(ORIGIN, 0);
    expect(known.http3(ORIGIN, 5 * minute - 1).kind).toBe("broken");
    expect(known.http3(ORIGIN, 5 * minute).kind).toBe("advertised");
    known.failed(ORIGIN, 0);
    expect(known.http3(ORIGIN, 10 * minute - 1).kind).toBe("broken");
    known.worked(ORIGIN);
    expect(known.http3(ORIGIN, 0).kind).toBe("advertised");
  });

  test("the memory has its bounds", () => {
    const known = new Alternatives();
    for (let i = 0; i < 1500; i++) known.advertised(`https://${i}.test`, 'h3=":443"', 0);
    expect(known.http3("https://0.test", 1).kind).toBe("unknown");
    expect(known.http3("https://1499.test", 1).kind).toBe("advertised");
  });
});
