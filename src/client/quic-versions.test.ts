// The client and the server of this project negotiate the version of QUIC, on sockets.
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { type ServeOptions, serve } from "../edge/serve.ts";
import type { Authority, Issued } from "../host/client/testing/certificates.ts";
import { testCertificate } from "../host/client/testing/servers.ts";
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
