// The client's option `localAddress`: where connections leave this machine.
import { networkInterfaces } from "node:os";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Server, serve } from "../edge/index.ts";
import { localSource, noSourceFor } from "../host/client/local-source.ts";
import { testCertificate } from "../host/client/testing/servers.ts";
import { type ClientOptions, createClient } from "./index.ts";

const { authority, issued } = testCertificate();
let server: Server;
beforeAll(async () => {
  server = await serve({ port: 0, host: "127.0.0.1", ...issued, log: () => {} }, (_, { protocol, remoteAddress }) => {
    return new Response(`${protocol} ${remoteAddress.address}`);
  });
});
afterAll(() => server.close({ timeout: 0 }));

async function ask(localAddress: string, options: ClientOptions = {}, host = "localhost"): Promise<string> {
  await using client = createClient({ ca: authority.ca, localAddress, ...options });
  return (await client.fetch(`https://${host}:${server.port}/`)).text();
}
const loopback = Object.entries(networkInterfaces()).find(([, all]) =>
  all?.some(({ address }) => address === "127.0.0.1"),
);

test.each(["http/1.1", "h2", "h3"] as const)(
  "%s leaves from the address, or from the interface's",
  async (protocol) => {
    const protocols = [protocol];
    expect(await ask("127.0.0.2", { protocols })).toBe(`${protocol} 127.0.0.2`);
    expect(await ask(loopback![0], { protocols })).toBe(`${protocol} 127.0.0.1`);
  },
);

test.each([
  [
    "192.0.2.77",
    "localhost",
    "LOCAL_ADDRESS_UNAVAILABLE",
    /cannot connect from 192\.0\.2\.77: this machine does not have/,
  ],
  [
    "::1",
    "127.0.0.1",
    "CONNECTION_FAILED",
    /127\.0\.0\.1 is an IPv4 address, and cannot be reached from ::1, which is IPv6/,
  ],
  ["127.0.0.2", "[::1]", "CONNECTION_FAILED", /::1 is an IPv6 address/],
])("from %s to %s: %s", async (from, host, code, message) => {
  for (const protocol of ["h2", "h3"] as const) {
    await expect(ask(from, { protocols: [protocol] }, host)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  }
});

test("what is neither an address nor an interface is refused at once", () => {
  const create = (): unknown => createClient({ localAddress: "nosuch0" });
  expect(create).toThrow(expect.objectContaining({ code: "LOCAL_ADDRESS_UNAVAILABLE" }));
});

test("an interface: its addresses beyond the link, as they are now", () => {
  const of = (address: string) => ({ address, family: "IPv4" }) as never;
  let all = { net0: [of("fe80::1"), of("2001:db8::7")] };
  const source = localSource("net0", () => all);
  expect([source.address(4), source.address(6)]).toEqual([undefined, "2001:db8::7"]);
  expect(noSourceFor("a.test", source).message).toBe("a.test has no IPv6 address, and net0 has no other");
  all = { net0: [] };
  expect(noSourceFor("a.test", source)).toMatchObject({
    code: "LOCAL_ADDRESS_UNAVAILABLE",
    message: "net0 has no address to connect from",
  });
});
