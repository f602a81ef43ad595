/** Client certificates: what a listener sees is what node:https shows. */
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { createServer as createHttpsServer, request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";
import { describe, expect, test } from "vitest";
import { VERSIONS } from "../edge/testing/client.ts";
import { get } from "../edge/testing/test-client.ts";
import { connectRawHttp3 } from "../edge/testing/versions/raw-http3.ts";
import { linesOf } from "../edge/testing/versions/raw-message.ts";
import { headers } from "../h3/testing/raw-peer.ts";
import { Purpose } from "../host/certificates/builder.ts";
import { createSigner } from "../host/certificates/signer.ts";
import { makeCertificate, type TestCertificate } from "../host/certificates/testing/make-certificate.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import type { Listener } from "../host/node/index.ts";
import { createServer, type ServerOptions } from "./server.ts";
import { closers, connect, listening, ownServer } from "./testing/server.ts";

const authority = makeCertificate({ ca: true, subject: "Clients" });
const purposes = [Purpose.clientAuth];
const known = makeCertificate({ subject: "ada", issuer: authority, purposes });
const unknown = makeCertificate({ subject: "eve", purposes });

interface Looked {
  readonly encrypted: boolean;
  readonly authorized: boolean;
  readonly authorizationError: string | null;
  getPeerCertificate(detailed?: boolean): { subject?: { CN: string }; issuer?: { CN: string } };
  getPeerX509Certificate(): { subject: string } | undefined;
  getProtocol(): string;
  getCipher(): { name: string };
  isSessionReused(): boolean;
}

const look: Listener = (request, response) => {
  const socket = request.socket as unknown as Looked;
  const { subject, issuer } = socket.getPeerCertificate();
  const detailed = socket.getPeerCertificate(true);
  response.end(
    JSON.stringify({
      state: [socket.encrypted, socket.authorized, socket.authorizationError, socket.isSessionReused()],
      names: [subject?.CN, issuer?.CN, socket.getPeerX509Certificate()?.subject, detailed.subject?.CN],
      tls: [socket.getProtocol(), socket.getCipher().name],
    }),
  );
};

type Ask = (port: number, client?: TestCertificate) => Promise<string>;

const askHttp1: Ask = async (port, client) => {
  const { cert, key } = client ?? {};
  const options = { port, host: "127.0.0.1", rejectUnauthorized: false, agent: false, cert, key };
  const request = httpsRequest(options as object).end();
  const [response] = await once(request, "response");
  return (await response.setEncoding("utf8").toArray()).join("");
};

const askHttp2: Ask = async (port, client) => {
  const { cert, key } = client ?? {};
  const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, cert, key } as object);
  closers.push(() => session.destroy());
  session.on("error", () => undefined);
  const stream = session.request({ ":path": "/" });
  stream.on("error", () => undefined);
  const text = (
    await stream
      .setEncoding("utf8")
      .toArray()
      .catch(() => [])
  ).join("");
  if (text === "") throw new Error("no response");
  return text;
};

const askHttp3: Ask = async (port, client) => {
  const identity = client && { chain: [client.der], signer: createSigner(client.privateKey) };
  const connection = await connectRawHttp3(port, { identity });
  closers.push(() => connection.close());
  const { body, cut } = await connection.send(headers(linesOf({})), true);
  if (cut !== undefined) throw new Error(`${cut}`);
  return body;
};

const VERSIONS_WITH_CERTIFICATES: [string, Ask][] = [
  ["http/1.1", askHttp1],
  ["h2", askHttp2],
  ["h3", askHttp3],
];

const ours = async (options: ServerOptions): Promise<number> =>
  listening(ownServer(look, { requestCert: true, ca: authority.cert, ...options }).server);

async function nodes(options: object): Promise<number> {
  const server = createHttpsServer(
    { ...(localhostIdentity as object), requestCert: true, ca: authority.cert, ...options },
    look,
  );
  closers.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  await once(server.listen(0, "127.0.0.1"), "listening");
  return (server.address() as AddressInfo).port;
}

describe.each(VERSIONS_WITH_CERTIFICATES)("over %s, with requestCert", (version, ask) => {
  test.each([
    ["a certificate of a known authority", known],
    ["a certificate of an unknown authority", unknown],
    ["no certificate", undefined],
  ])("and %s, req.socket says what Node's says", async (_name, client) => {
    const options = { rejectUnauthorized: false };
    const seen = JSON.parse(await ask(await ours(options), client));
    const expected = JSON.parse(await askHttp1(await nodes(options), client));
    // QUIC prefers another cipher.
    expect({ ...seen, tls: version === "h3" ? expected.tls : seen.tls }).toEqual(expected);
    expect(seen.state[1]).toBe(client === known);
  });

  test("clients without a valid certificate are refused by default", async () => {
    const port = await ours({});
    expect(JSON.parse(await ask(port, known)).names[0]).toBe("ada");
    await expect(ask(port, unknown)).rejects.toThrow();
    await expect(ask(port)).rejects.toThrow();
  });

  test("new certificates keep the authorities, also for other names", async () => {
    const { server } = ownServer(look, { requestCert: true, ca: authority.cert });
    const port = await listening(server);
    server.setSecureContext(makeCertificate({ names: ["localhost"] }));
    server.addContext("localhost", makeCertificate({ names: ["localhost"] }));
    expect(JSON.parse(await ask(port, known)).state[1]).toBe(true);
  });
});

test.each([
  ["crl", { crl: [] }],
  ["SNICallback", { SNICallback: (_name, callback) => callback(null) }],
] as [string, ServerOptions][])("with %s, HTTP/3 is disabled with a line in the log", async (name, option) => {
  const { server, lines } = ownServer(look, { requestCert: true, rejectUnauthorized: false, ...option });
  const port = await listening(server);
  expect(server.addresses.map(({ transport }) => transport)).toEqual(["tcp"]);
  expect(lines).toEqual([`nagare: HTTP/3 is disabled, because requestCert with ${name} works only for TLS over TCP`]);
  const [, open] = VERSIONS[0]!;
  expect((await get(await connect(open, port), "/")).headers["alt-svc"]).toBe("clear");
  const forced = () => createServer({ ...localhostIdentity, requestCert: true, protocols: ["h3"], ...option });
  expect(forced).toThrow(expect.objectContaining({ code: "OPTION_INVALID" }));
});

test.each(VERSIONS)(
  "over %s without requestCert, req.socket has the members of a TLS socket",
  async (_version, open) => {
    const port = await listening(ownServer(look).server);
    expect(JSON.parse(await (await get(await connect(open, port), "/")).text())).toEqual({
      state: [true, false, null, false],
      names: [null, null, null, null],
      tls: ["TLSv1.3", expect.stringMatching(/^TLS_/)],
    });
  },
);

test("versions and ciphers of TLS over TCP are options", async () => {
  const options = { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384" } as const;
  const port = await listening(ownServer(look, options).server);
  const [, open] = VERSIONS[0]!;
  const seen = JSON.parse(await (await get(await connect(open, port), "/")).text());
  expect(seen.tls).toEqual(["TLSv1.2", "ECDHE-ECDSA-AES256-GCM-SHA384"]);
});
