// The client's own certificate, for servers that ask for one, over every version.
import type { TLSSocket } from "node:tls";
import { afterEach, describe, expect, test } from "vitest";
import { Purpose } from "../host/certificates/builder.ts";
import { makeCertificate } from "../host/certificates/testing/make-certificate.ts";
import { makeAuthority } from "../host/client/testing/certificates.ts";
import { createServer } from "../node/server.ts";
import { type Client, type ClientOptions, createClient, type Protocol } from "./index.ts";

const servers = makeAuthority();
const clients = makeCertificate({ ca: true, subject: "Clients" });
const purposes = [Purpose.clientAuth];
const ada = makeCertificate({ subject: "ada", issuer: clients, purposes });
const eve = makeCertificate({ subject: "eve", purposes });

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A server that answers with the name in the client's certificate. Returns its URL. */
async function asking(options: { rejectUnauthorized?: boolean } = {}) {
  const server = createServer(
    { ...servers.issue(), requestCert: true, ca: clients.cert, log: () => {}, ...options },
    ({ socket }, response) => {
      response.end(String((socket as TLSSocket).getPeerCertificate().subject?.CN));
    },
  );
  closing.push(() => new Promise((done) => server.close(done)));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `https://localhost:${(server.address() as { port: number }).port}/`;
}

function clientOf(options: ClientOptions): Client {
  const client = createClient({ ca: servers.ca, resolve: () => ["127.0.0.1"], ...options });
  closing.push(() => client.destroy());
  return client;
}

describe.each<Protocol>(["http/1.1", "h2", "h3"])("over %s", (protocol) => {
  const name = async (url: string, options: ClientOptions): Promise<string> =>
    (await clientOf({ protocols: [protocol], ...options }).fetch(url)).text();

  test("a server that asks gets the certificate", async () => {
    const url = await asking();
    expect(await name(url, { cert: ada.cert, key: ada.key })).toBe("ada");
  });

  test("a server that refuses the certificate, or misses one, fails the request", async () => {
    const url = await asking();
    for (const options of [{ cert: eve.cert, key: eve.key }, {}]) {
      await expect(name(url, options)).rejects.toMatchObject({ name: "ClientError" });
    }
  });

  test("a client without a certificate still reaches a server that only wants one", async () => {
    expect(await name(await asking({ rejectUnauthorized: false }), {})).toBe("undefined");
  });
});

describe("createClient throws", () => {
  test.each<[string, ClientOptions, object]>([
    ["if the key is missing", { cert: ada.cert }, { message: expect.stringMatching(/^cert is given without key/) }],
    [
      "if the certificate is missing",
      { key: ada.key },
      { message: expect.stringMatching(/^key is given without cert/) },
    ],
    ["if the key is another's", { cert: ada.cert, key: eve.key }, { code: "KEY_MISMATCH" }],
    ["if the certificate is not PEM", { cert: "ada.pem", key: ada.key }, { code: "CERTIFICATE_UNREADABLE" }],
  ])("%s", (_name, options, error) => {
    expect(() => createClient(options)).toThrow(expect.objectContaining(error));
  });
});
