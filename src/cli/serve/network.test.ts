import { describe, expect, test } from "vitest";
import { developmentIdentity } from "../../host/certificates/development.ts";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { networkLines, urlFor } from "./network.ts";

const url = new URL("https://localhost:4433/");
const identity = await developmentIdentity();
const digest = Buffer.from(identity.sha256).toString("hex").toUpperCase().match(/../g)!.join(":");
const trust = `nagare: other devices show a warning once; accept the certificate if its SHA-256 is ${digest}`;

const interfaceAddress = (address: string, family: "IPv4" | "IPv6", internal = false) => ({
  ...{ address, family, internal, netmask: "", mac: "", cidr: null, scopeid: 0 },
});
const interfaces = {
  lo: [interfaceAddress("127.0.0.1", "IPv4", true), interfaceAddress("::1", "IPv6", true)],
  eth0: [
    interfaceAddress("fe80::1", "IPv6"),
    interfaceAddress("fd00::2", "IPv6"),
    interfaceAddress("192.168.1.20", "IPv4"),
    interfaceAddress("169.254.3.4", "IPv4"),
  ],
} as unknown as NonNullable<Parameters<typeof networkLines>[3]>;

const lines = (host: string, names: readonly string[] = []) => networkLines(url, { host, names }, identity, interfaces);

describe("the lines for other devices", () => {
  test.each(["localhost", "127.0.0.1", "::1"])("are empty for a server on %s", (host) => {
    expect(lines(host)).toEqual([]);
  });

  test("list all addresses of a server on all of them, except loopback and link-local", () => {
    expect(lines("::")).toEqual([
      "nagare: from other devices: https://192.168.1.20:4433/",
      "nagare: from other devices: https://[fd00::2]:4433/",
      "nagare: the certificate does not include this address; add it with --name 192.168.1.20",
      trust,
    ]);
    expect(lines("0.0.0.0")[1]).toContain("--name 192.168.1.20");
  });

  test("mention an address that the certificate does not include", () => {
    expect(lines("192.168.1.20")).toEqual([
      "nagare: the certificate does not include this address; add it with --name 192.168.1.20",
      trust,
    ]);
  });

  test("with --name, say only what to trust", () => expect(lines("::", ["phone.test"])).toEqual([trust]));

  test("are empty for the user's own certificate", () => {
    expect(networkLines(url, { host: "::", names: [] }, loadIdentity(localhostIdentity), interfaces)).toEqual([]);
  });
});

test.each([
  ["fd00::2", "https://[fd00::2]:4433/"],
  ["*.app.test", "https://any.app.test:4433/"],
])("the URL of the name %s", (name, expected) => expect(urlFor(name, url).href).toBe(expected));
