import { describe, expect, test } from "vitest";
import { SeededRng } from "../../base/rng.ts";
import { parseRecord } from "../../dns/index.ts";
import { parsePrefix } from "../../ip/address.ts";
import { formatIpAddress, parseIpAddress } from "../../wire/ip-address.ts";
import { DEFAULT_POLICY, interleave, policyWith, sortAddresses } from "./address-order.ts";
import { desynthesize, nat64PrefixOf, synthesize } from "./nat64.ts";
import { readServices, serviceName } from "./services.ts";

/** RFC 6724 §10.2: the examples, with the sources that they name. */
const sorted = (sources: Readonly<Record<string, string | undefined>>, ...addresses: string[]): string[] =>
  sortAddresses(addresses, { sourceOf: (address) => sources[address] });

describe("RFC 6724 §10.2", () => {
  test("prefer matching scope", () => {
    const sources = { "2001:db8:1::1": "2001:db8:1::2", "198.51.100.121": "198.51.100.117" };
    expect(sorted(sources, "198.51.100.121", "2001:db8:1::1")).toEqual(["2001:db8:1::1", "198.51.100.121"]);
    const linkLocal = { "2001:db8:1::1": "fe80::1", "198.51.100.121": "198.51.100.117" };
    expect(sorted(linkLocal, "2001:db8:1::1", "198.51.100.121")).toEqual(["198.51.100.121", "2001:db8:1::1"]);
  });

  test("prefer higher precedence, where label and scope match", () => {
    const sources = { "2001:db8:1::1": "2001:db8:1::2", "10.1.2.3": "10.1.2.4" };
    expect(sorted(sources, "10.1.2.3", "2001:db8:1::1")).toEqual(["2001:db8:1::1", "10.1.2.3"]);
  });

  test("prefer smaller scope", () => {
    const sources = { "2001:db8:1::1": "2001:db8:1::2", "fe80::1": "fe80::2" };
    expect(sorted(sources, "2001:db8:1::1", "fe80::1")).toEqual(["fe80::1", "2001:db8:1::1"]);
  });

  test("prefer matching label: native sources for native destinations", () => {
    const sources = { "2002:c633:6401::1": "2002:c633:6401::2", "2001:db8:1::1": "2002:c633:6401::2" };
    expect(sorted(sources, "2001:db8:1::1", "2002:c633:6401::1")).toEqual(["2002:c633:6401::1", "2001:db8:1::1"]);
  });

  test("avoid destinations without a route; equals keep their order", () => {
    const sources = { "192.0.2.1": "192.0.2.9", "192.0.2.2": "192.0.2.9" };
    expect(sorted(sources, "2001:db8::1", "192.0.2.2", "192.0.2.1")).toEqual(["192.0.2.2", "192.0.2.1", "2001:db8::1"]);
  });

  test("the longest prefix in common decides in IPv6 alone", () => {
    const six = { "2001:db8:1::1": "2001:db8:3f44::2", "2001:db8:3ffe::1": "2001:db8:3f44::2" };
    expect(sorted(six, "2001:db8:1::1", "2001:db8:3ffe::1")).toEqual(["2001:db8:3ffe::1", "2001:db8:1::1"]);
    const four = { "10.0.0.1": "192.0.2.9", "192.0.2.1": "192.0.2.9" };
    expect(sorted(four, "10.0.0.1", "192.0.2.1")).toEqual(["10.0.0.1", "192.0.2.1"]);
  });
});

test("without sources: IPv6 first, then IPv4, then unique local and Teredo", () => {
  expect(sortAddresses(["2001::1", "fd00::1", "192.0.2.1", "2001:db8::1", "::1"])).toEqual([
    "::1",
    "2001:db8::1",
    "192.0.2.1",
    "2001::1",
    "fd00::1",
  ]);
});

test("unique local addresses of this site come first, those of others last (draft-ietf-6man-rfc6724-update)", () => {
  const own = ["192.0.2.9", "2001:db8::9", "fd77:0:0:1::9", "fd77::9", "fc00::9", "fe80::9"];
  const policy = policyWith(own);
  expect(policy.length).toBe(DEFAULT_POLICY.length + 1);
  const sourceOf = (address: string): string =>
    address.startsWith("fd77::") ? "fd77::9" : address.includes(":") ? "2001:db8::9" : "192.0.2.9";
  const addresses = ["192.0.2.1", "fd78::1", "2001:db8::1", "fd77::1"];
  expect(sortAddresses(addresses, { policy, sourceOf })).toEqual(["fd77::1", "2001:db8::1", "192.0.2.1", "fd78::1"]);
  expect(policyWith(["192.0.2.9", "2001:db8::9"])).toBe(DEFAULT_POLICY);
});

test("RFC 8305 §4: the faster address first, then one that was used", () => {
  const history = new Map([
    ["192.0.2.2", { rtt: 80 }],
    ["192.0.2.3", { rtt: 20 }],
  ]);
  const options = { historyOf: (address: string) => history.get(address) };
  expect(sortAddresses(["192.0.2.1", "192.0.2.2", "192.0.2.3"], options)).toEqual([
    "192.0.2.3",
    "192.0.2.2",
    "192.0.2.1",
  ]);
});

test("interleaving ends with the rest of the longer family", () => {
  expect(interleave([], 1)).toEqual([]);
  expect(interleave(["::1", "::2", "::3"], 1)).toEqual(["::1", "::2", "::3"]);
  expect(interleave(["::1", "1.1.1.1", "2.2.2.2", "3.3.3.3"], 1)).toEqual(["::1", "1.1.1.1", "2.2.2.2", "3.3.3.3"]);
});

describe("NAT64", () => {
  // RFC 6052 §2.4.
  test.each([
    ["2001:db8::", 32, "2001:db8:c000:221::"],
    ["2001:db8:100::", 40, "2001:db8:1c0:2:21::"],
    ["2001:db8:122::", 48, "2001:db8:122:c000:2:2100::"],
    ["2001:db8:122:300::", 56, "2001:db8:122:3c0:0:221::"],
    ["2001:db8:122:344::", 64, "2001:db8:122:344:c0:2:2100:0"],
    ["2001:db8:122:344::", 96, "2001:db8:122:344::c000:221"],
  ] as const)("RFC 6052 §2.4: %s/%i", (text, length, address) => {
    const prefix = parsePrefix(`${text}/${length}`)!;
    expect(synthesize("192.0.2.33", prefix)).toBe(formatIpAddress(parseIpAddress(address)!));
    expect(desynthesize(address, prefix)).toBe("192.0.2.33");
    expect(nat64PrefixOf(["2001:db8::1", synthesize("192.0.0.171", prefix)!])).toEqual(prefix);
  });

  test("without the well-known addresses there is no prefix, and local addresses are never synthesized", () => {
    expect(nat64PrefixOf(["2001:db8::1", "64:ff9b::192.0.2.1"])).toBeUndefined();
    const prefix = nat64PrefixOf(["64:ff9b::c000:aa"])!;
    for (const local of ["127.0.0.1", "169.254.1.1", "0.0.0.0", "255.255.255.255"]) {
      expect(synthesize(local, prefix)).toBeUndefined();
    }
    expect(desynthesize("2001:db8::1", prefix)).toBeUndefined();
  });
});

describe("HTTPS records (RFC 9460)", () => {
  const read = (...texts: string[]) =>
    readServices(
      texts.map((text) => parseRecord(`a.test. 60 ${text}`)),
      ["h3", "h2", "http/1.1"],
      new SeededRng(3),
    );
  const alpnOf = (text: string) => {
    const info = read(text);
    return info.kind === "services" ? info.services[0]!.alpn : info.kind;
  };

  test("§7.1.2: the protocols of a record, with the default unless it is excluded", () => {
    expect(alpnOf("HTTPS 1 . alpn=h2")).toEqual(["h2", "http/1.1"]);
    expect(alpnOf("HTTPS 1 . alpn=h2,h3 no-default-alpn")).toEqual(["h3", "h2"]);
    expect(alpnOf("HTTPS 1 .")).toEqual(["http/1.1"]);
    expect(alpnOf("HTTPS 1 . alpn=dot no-default-alpn")).toBe("none");
  });

  test("§8: unknown mandatory keys, keys for others, and bad ports make a record incompatible", () => {
    expect(alpnOf("HTTPS 1 . alpn=h2 key667=x")).toEqual(["h2", "http/1.1"]);
    expect(alpnOf("HTTPS 1 . alpn=h2 key667=x mandatory=key667")).toBe("none");
    expect(alpnOf("HTTPS 1 . alpn=h2 ech=AAAA mandatory=ech")).toBe("none");
    expect(alpnOf("HTTPS 1 . alpn=h2 port=25")).toBe("none");
    expect(alpnOf("HTTPS 1 . alpn=h2 alt-only mandatory=alt-only")).toBe("none");
    expect(alpnOf("HTTPS 1 . alpn=h2 port=443 mandatory=port,alpn")).toEqual(["h2", "http/1.1"]);
  });

  test("§2.4.1: an alias hides services; priorities are in order, equal ones in random order", () => {
    expect(read("HTTPS 1 . alpn=h2", "HTTPS 0 b.test.")).toEqual({ kind: "alias", target: "b.test." });
    expect(read("HTTPS 0 .")).toMatchObject({ kind: "none" });
    const many = Array.from({ length: 8 }, (_, i) => `HTTPS 5 t${i}. alpn=h2`);
    const info = read("HTTPS 9 z. alpn=h2", ...many, "HTTPS 1 y. alpn=h2");
    const targets = info.kind === "services" ? info.services.map(({ target }) => target) : [];
    expect([targets[0], targets.at(-1)]).toEqual(["y.", "z."]);
    expect(targets.slice(1, -1)).not.toEqual([...targets.slice(1, -1)].sort());
    expect(new Set(targets).size).toBe(10);
  });

  test("§2.2: a malformed record spoils the set", () => {
    const bad = {
      ...parseRecord("a.test. HTTPS 1 ."),
      data: { type: "malformed", bytes: new Uint8Array(1), problem: "port" } as const,
    };
    expect(readServices([parseRecord("a.test. HTTPS 1 . alpn=h2"), bad], ["h2"], new SeededRng(1))).toEqual({
      kind: "none",
      why: "port",
    });
  });

  test("§9.1: names to ask for", () => {
    expect([serviceName("a.test", 443), serviceName("a.test", 80), serviceName("a.test.", 8443)]).toEqual([
      "a.test.",
      "a.test.",
      "_8443._https.a.test.",
    ]);
  });
});
