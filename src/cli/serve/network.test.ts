import { describe, expect, test } from "vitest";
import { developmentIdentity } from "../../host/certificates/development.ts";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { networkLines, urlFor } from "./network.ts";

const url = new URL("https://localhost:4433/");
const identity = await developmentIdentity();
const digest = Buffer.from(identity.sha256).toString("hex").toUpperCase().match(/../g)!.join(":");
const trust = `nagare: other devices warn once: accept the certificate there if its SHA-256 is ${digest}`;

const face = (address: string, family: "IPv4" | "IPv6", internal = false) => ({
  ...{ address, family, internal, netmask: "", mac: "", cidr: null, scopeid: 0 },
});
const interfaces = {
  lo: [face("127.0.0.1", "IPv4", true), face("::1", "IPv6", true)],
  eth0: [face("fe80::1", "IPv6"), face("fd00::2", "IPv6"), face("192.168.1.20", "IPv4"), face("169.254.3.4", "IPv4")],
} as unknown as NonNullable<Parameters<typeof networkLines>[3]>;

const lines = (host: string, names: readonly string[] = []) => networkLines(url, { host, names }, identity, interfaces);

describe("what other devices are told", () => {
  test.each(["localhost", "127.0.0.1", "::1"])("nothing of a server on %s", (host) => {
    expect(lines(host)).toEqual([]);
  });

  test("the addresses of a server on all of them, without loopback and link-local", () => {
    expect(lines("::")).toEqual([
      "nagare: from other devices: https://192.168.1.20:4433/",
      "nagare: from other devices: https://[fd00::2]:4433/",
      "nagare: the certificate does not name this address; --name 192.168.1.20 puts it in",
      trust,
    ]);
    expect(lines("0.0.0.0")[1]).toContain("--name 192.168.1.20");
  });

  test("of an address that the certificate does not name", () => {
    expect(lines("192.168.1.20")).toEqual([
      "nagare: the certificate does not name this address; --name 192.168.1.20 puts it in",
      trust,
    ]);
  });

  test("with --name, what to trust", () => expect(lines("::", ["phone.test"])).toEqual([trust]));

  test("nothing of a certificate that was given", () => {
    expect(networkLines(url, { host: "::", names: [] }, loadIdentity(localhostIdentity), interfaces)).toEqual([]);
  });
});

test.each([
  ["fd00::2", "https://[fd00::2]:4433/"],
  ["*.app.test", "https://any.app.test:4433/"],
])("the URL of the name %s", (name, expected) => expect(urlFor(name, url).href).toBe(expected));
