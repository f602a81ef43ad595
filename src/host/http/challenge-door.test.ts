/** TLS-ALPN-01 beside ordinary clients on one port. */

import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "vitest";
import { challengeCertificate, challengeServerName } from "../acme/tls-alpn.ts";
import { loadIdentity } from "../certificates/identity.ts";
import { nameIn } from "./challenge-door.ts";
import { TcpListener } from "./tcp-listener.ts";
import { localhostIdentity } from "./testing/identities.ts";

let port: number;
const listener = new TcpListener({
  identities: [loadIdentity(localhostIdentity)],
  onExchange: (exchange) => exchange.respond(204, [], { endStream: true }),
  answerTlsAlpn: async (name) =>
    name === "www.example.test" ? challengeCertificate(name, "token.thumbprint", new Date()) : undefined,
});
beforeAll(async () => {
  port = (await listener.listen(0, "127.0.0.1")).port;
});
afterAll(() => listener.close(0));

const handshake = async (options: object): Promise<TLSSocket> => {
  const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false, ...options });
  await once(socket, "secureConnect");
  return socket;
};

test.each(["TLSv1.2", "TLSv1.3"] as const)(
  "an authority gets the certificate of the challenge over %s",
  async (version) => {
    const socket = await handshake({
      servername: "www.example.test",
      ALPNProtocols: ["acme-tls/1"],
      minVersion: version,
      maxVersion: version,
    });
    expect(socket.alpnProtocol).toBe("acme-tls/1");
    expect(socket.getPeerCertificate().subjectaltname).toBe("DNS:www.example.test");
    socket.destroy();
  },
);

test("without a challenge for the name, it gets the alert unrecognized_name", async () => {
  const failed = handshake({ servername: "other.test", ALPNProtocols: ["acme-tls/1"] });
  await expect(failed).rejects.toThrow(/unrecognized.name/i);
});

test("other clients for the same name get the server's own certificate", async () => {
  for (const protocols of [["h2"], ["http/1.1"], ["acme-tls/1", "http/1.1"], undefined]) {
    const socket = await handshake({ servername: "www.example.test", ALPNProtocols: protocols });
    expect(socket.getPeerCertificate().subjectaltname).toContain("localhost");
    socket.destroy();
  }
});

/** What a client sends first. */
async function helloFor(ALPNProtocols: string[]): Promise<Buffer> {
  const { Server } = await import("node:net");
  const server = new Server().listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connectTls({ port: (server.address() as { port: number }).port, servername: "a.test", ALPNProtocols });
  socket.on("error", () => undefined);
  const [accepted] = (await once(server, "connection")) as [Socket];
  const [hello] = (await once(accepted, "data")) as [Buffer];
  socket.destroy();
  accepted.destroy();
  server.close();
  return hello;
}

test("a ClientHello is read at whatever bytes it is cut, and in several records", async () => {
  const hello = await helloFor(["acme-tls/1"]);
  expect(nameIn(hello)).toBe("a.test");
  for (let cut = 0; cut < hello.length; cut += 1)
    expect([cut, nameIn(hello.subarray(0, cut))]).toEqual([cut, "incomplete"]);
  const message = hello.subarray(5);
  const record = (part: Buffer): Buffer =>
    Buffer.concat([Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part]);
  expect(nameIn(Buffer.concat([record(message.subarray(0, 9)), record(message.subarray(9))]))).toBe("a.test");
  expect(nameIn(await helloFor(["h2", "acme-tls/1"]))).toBeUndefined();
  for (const other of ["GET / HTTP/1.1\r\n", "\u0016\u0003\u0001\u0000\u0004\u0002\u0000\u0000\u0000"]) {
    expect(nameIn(Buffer.from(other, "latin1"))).toBeUndefined();
  }
  for (let i = 5; i < hello.length; i += 1) {
    const broken = Buffer.from(hello);
    broken[i]! ^= 0xff;
    nameIn(broken); // whatever it says, it does not throw
  }
});

test("a ClientHello that comes byte by byte is answered, and one that ends early is not waited for", async () => {
  const hello = await helloFor(["h2"]);
  const slow = connectTcp(port, "127.0.0.1").setNoDelay();
  const answered = once(slow, "data");
  for (const byte of hello) slow.write(Buffer.of(byte));
  const [answer] = (await answered) as [Buffer];
  expect(answer[0]).toBe(22); // a ServerHello
  slow.destroy();
  const short = connectTcp(port, "127.0.0.1");
  short.end(hello.subarray(0, 20));
  await once(short, "close");
});

test("names of addresses are their reverse names (RFC 8738 §6)", () => {
  expect(challengeServerName("192.0.2.7")).toBe("7.2.0.192.in-addr.arpa");
  expect(challengeServerName("2001:db8::1")).toBe(`${"1.".padEnd(48, "0.")}8.b.d.0.1.0.0.2.ip6.arpa`);
  expect(challengeServerName("www.example.test")).toBe("www.example.test");
});
