import { describe, expect, test } from "vitest";
import { type Instant, instant, seconds } from "../base/time.ts";
import { Alternatives } from "./alternatives.ts";

const ORIGIN = "https://example.com";
const OWN = { host: "", port: 443 };
const at = (time: number): Instant => instant(seconds(time));

describe("the memory of origins", () => {
  test("an advertisement lasts for its ma, and the newest one wins", () => {
    const known = new Alternatives();
    expect(known.http3(ORIGIN, OWN, at(0))).toEqual({ kind: "unknown" });
    known.advertised(ORIGIN, 'h3=":8443"; ma=10', at(0));
    expect(known.http3(ORIGIN, OWN, at(9.999))).toEqual({
      kind: "advertised",
      alternative: { host: "", port: 8443 },
      quicv: [],
    });
    expect(known.http3(ORIGIN, OWN, at(10))).toEqual({ kind: "unknown" });
    known.advertised(ORIGIN, 'h3=":8443"; ma=10', at(0));
    known.advertised(ORIGIN, "clear", at(1));
    expect(known.http3(ORIGIN, OWN, at(2))).toEqual({ kind: "unknown" });
  });

  test("RFC 7838 §3.1: the age of the response counts, and the next fresh alternative takes over", () => {
    const known = new Alternatives();
    known.advertised(ORIGIN, 'h3=":1"; ma=60, h2=":2", h3=":3"; ma=120', at(0), 30);
    expect(known.http3(ORIGIN, OWN, at(29))).toMatchObject({ alternative: { port: 1 } });
    expect(known.http3(ORIGIN, OWN, at(30))).toMatchObject({ alternative: { port: 3 } });
    expect(known.http3(ORIGIN, OWN, at(90)).kind).toBe("unknown");
  });

  test("RFC 7838 §6: a misdirected alternative is forgotten, the others stay", () => {
    const known = new Alternatives();
    known.advertised(ORIGIN, 'h3="a.test:1", h3="b.test:1"', at(0));
    known.misdirected(ORIGIN, { host: "a.test", port: 1 });
    expect(known.http3(ORIGIN, OWN, at(1))).toMatchObject({ alternative: { host: "b.test" } });
    known.misdirected("https://other.test", { host: "a.test", port: 1 });
  });

  test("RFC 7838 §2.2: on another network, persistent alternatives stay, and nothing is broken", () => {
    const known = new Alternatives();
    known.advertised(ORIGIN, 'h3=":1", h3=":2"; persist=1', at(0));
    known.failed(ORIGIN, { host: "", port: 2 }, at(0));
    known.networkChanged();
    expect(known.http3(ORIGIN, OWN, at(1))).toMatchObject({ kind: "advertised", alternative: { port: 2 } });
  });

  test("broken HTTP/3 is avoided for longer each time, until it works", () => {
    const minute = 60;
    const known = new Alternatives();
    known.advertised(ORIGIN, 'h3=":443"', at(0));
    known.failed(ORIGIN, OWN, at(0));
    expect(known.http3(ORIGIN, OWN, at(5 * minute - 1)).kind).toBe("broken");
    expect(known.http3(ORIGIN, OWN, at(5 * minute)).kind).toBe("advertised");
    known.failed(ORIGIN, OWN, at(0));
    expect(known.http3(ORIGIN, OWN, at(10 * minute - 1)).kind).toBe("broken");
    known.worked(ORIGIN, OWN);
    expect(known.http3(ORIGIN, OWN, at(0)).kind).toBe("advertised");
  });

  test("a place that is broken does not keep clients from another one", () => {
    const known = new Alternatives();
    known.failed(ORIGIN, OWN, at(0));
    expect(known.http3(ORIGIN, OWN, at(1)).kind).toBe("broken");
    known.advertised(ORIGIN, 'h3=":1", h3="b.test:1"', at(2));
    expect(known.http3(ORIGIN, OWN, at(3))).toMatchObject({ alternative: { host: "", port: 1 } });
    known.failed(ORIGIN, { host: "", port: 1 }, at(4));
    expect(known.http3(ORIGIN, OWN, at(5))).toMatchObject({ alternative: { host: "b.test", port: 1 } });
    known.failed(ORIGIN, { host: "b.test", port: 1 }, at(6));
    // Its own port was not named, so it is not tried instead.
    expect(known.http3(ORIGIN, { host: "", port: 9 }, at(7)).kind).toBe("broken");
  });

  test("an origin that names one dead place after another is not followed further", () => {
    const known = new Alternatives();
    for (let port = 1; port <= 4; port += 1) {
      known.advertised(ORIGIN, `h3=":${port}"`, at(port));
      expect(known.http3(ORIGIN, OWN, at(port)).kind).toBe("advertised");
      known.failed(ORIGIN, { host: "", port }, at(port));
    }
    known.advertised(ORIGIN, 'h3=":5"', at(5));
    expect(known.http3(ORIGIN, OWN, at(5)).kind).toBe("broken");
    expect(known.http3(ORIGIN, OWN, at(302)).kind).toBe("advertised");
  });

  test("the number of origins is limited", () => {
    const known = new Alternatives();
    for (let i = 0; i < 1500; i++) known.advertised(`https://${i}.test`, 'h3=":443"', at(0));
    expect(known.http3("https://0.test", OWN, at(1)).kind).toBe("unknown");
    expect(known.http3("https://1499.test", OWN, at(1)).kind).toBe("advertised");
  });
});
