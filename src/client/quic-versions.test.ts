// The client and the server of this project negotiate the version of QUIC, on sockets.
import { createSocket, type RemoteInfo } from "node:dgram";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { type ServeOptions, serve } from "../edge/serve.ts";
import type { Authority, Issued } from "../host/client/testing/certificates.ts";
import { testCertificate } from "../host/client/testing/servers.ts";
import { VERSION_2 } from "../quic/index.ts";
import { createClient, type QuicClientOptions } from "./index.ts";

let authority: Authority;
let issued: Issued;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(() => {
  ({ authority, issued } = testCertificate());
});

afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** The version that the client reports for a request, and what the handler saw. */
async function negotiated(client: QuicClientOptions, server: ServeOptions["quic"]): Promise<unknown> {
  const listening = await serve(
    { port: 0, host: "127.0.0.1", ...issued, log: () => {}, ...(server && { quic: server }) },
    () => new Response("ok"),
  );
  closing.push(() => listening.close({ timeout: 0 }));
  const opened = createClient({ ca: authority.ca, protocols: ["h3"], quic: client });
  closing.push(() => opened.destroy());
  const response = await opened.fetch(`https://localhost:${listening.port}/`);
  expect(await response.text()).toBe("ok");
  return opened.facts(response)!.stats().details.quic;
}

test.each<[client: QuicClientOptions, server: ServeOptions["quic"], version: string]>([
  [{}, undefined, "version 1"],
  [{ version: "v2" }, undefined, "version 2"],
  [{ versions: ["v2", "v1"] }, undefined, "version 2"],
  [{}, { versions: ["v2", "v1"] }, "version 2"],
  [{ version: "v2" }, { versions: ["v1", "v2"] }, "version 1"],
  // The server answers the first flight with Version Negotiation.
  [{}, { versions: ["v2"] }, "version 2"],
  [{ version: "v2" }, { versions: ["v1"] }, "version 1"],
])("client %j, server %j: %s", async (client, server, version) => {
  expect(await negotiated(client, server)).toBe(version);
});

test("without a common version, the client names those of the server", async () => {
  await expect(negotiated({ versions: ["v1"] }, { versions: ["v2"] })).rejects.toThrow(
    /the peer only supports other QUIC versions: 0x6b3343cf/,
  );
});

/**
 * Relays one client's datagrams to a server, except those of the first flights: `forged` answers these with Version
 * Negotiation packets that list `versions` (RFC 8999 §6).
 */
async function forger(port: number, forged: number, versions: readonly number[]): Promise<number> {
  const front = createSocket("udp4");
  const back = createSocket("udp4");
  closing.push(async () => {
    front.close();
    back.close();
  });
  const flights = new Set<string>();
  let client: RemoteInfo | undefined;
  front.on("message", (datagram, from) => {
    client = from;
    if (datagram[0]! >= 0x80) flights.add(from.port.toString());
    if (flights.size > forged || datagram[0]! < 0x80) {
      back.send(datagram, port, "127.0.0.1");
      return;
    }
    const destination = datagram.subarray(5, 6 + datagram[5]!);
    const at = 6 + datagram[5]!;
    const source = datagram.subarray(at, at + 1 + datagram[at]!);
    const list = versions.flatMap((version) => [version >>> 24, version >>> 16, version >>> 8, version]);
    const negotiation = [Buffer.of(0xc0, 0, 0, 0, 0), source, destination, Buffer.from(list)];
    front.send(Buffer.concat(negotiation), from.port, from.address);
  });
  back.on("message", (datagram) => front.send(datagram, client!.port, client!.address));
  await Promise.all([front, back].map((socket) => new Promise<void>((done) => socket.bind(0, "127.0.0.1", done))));
  return front.address().port;
}

describe("a Version Negotiation packet that the server did not send", () => {
  test.each<[name: string, listed: number[]]>([
    ["lists a version that the client would like less", [VERSION_2]],
    ["lists no version of the client", [0x11]],
  ])("%s: the client connects nevertheless", async (_name, listed) => {
    const server = await serve({ port: 0, host: "127.0.0.1", ...issued, log: () => {} }, () => new Response("ok"));
    closing.push(() => server.close({ timeout: 0 }));
    const opened = createClient({ ca: authority.ca, protocols: ["h3"] });
    closing.push(() => opened.destroy());
    const response = await opened.fetch(`https://localhost:${await forger(server.port, 1, listed)}/`);
    expect(await response.text()).toBe("ok");
    expect(opened.facts(response)!.stats().details.quic).toBe("version 1");
  });

  test("twice: the request fails", async () => {
    const server = await serve({ port: 0, host: "127.0.0.1", ...issued, log: () => {} }, () => new Response("ok"));
    closing.push(() => server.close({ timeout: 0 }));
    const opened = createClient({ ca: authority.ca, protocols: ["h3"] });
    closing.push(() => opened.destroy());
    const request = opened.fetch(`https://localhost:${await forger(server.port, 2, [0x11])}/`);
    await expect(request).rejects.toThrow(/the peer only supports other QUIC versions: 0x11/);
  });
});

describe("mistakes in the options", () => {
  test.each([
    [{ versions: [] }, "quic.versions is empty"],
    [{ versions: ["v3"] }, 'unknown version of QUIC "v3"'],
    [{ congestionControl: "vegas" }, 'unknown congestion control "vegas": use one of cubic, newreno, bbr'],
    [{ version: "v2", versions: ["v1"] }, 'quic.version is "v2", which quic.versions does not list'],
  ])("%j", async (quic, message) => {
    expect(() => createClient({ quic: quic as QuicClientOptions })).toThrow(message);
    if ("version" in quic) return;
    const started = serve({ port: 0, ...issued, quic: quic as ServeOptions["quic"] & {} }, () => new Response());
    await expect(started).rejects.toMatchObject({ code: "OPTION_INVALID" });
  });
});
