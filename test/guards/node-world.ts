/** Traffic that reaches every entry of a nagare/node server. */
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { createClient } from "../../src/client/index.ts";
import { connectRawHttp3 } from "../../src/edge/testing/versions/raw-http3.ts";
import { linesOf } from "../../src/edge/testing/versions/raw-message.ts";
import { headers } from "../../src/h3/testing/raw-peer.ts";
import { Purpose } from "../../src/host/certificates/builder.ts";
import { createSigner } from "../../src/host/certificates/signer.ts";
import { makeCertificate } from "../../src/host/certificates/testing/make-certificate.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { createServer } from "../../src/node/index.ts";
import { all, closers, log } from "./world.ts";

/** Exercises everything that listeners do, and ignores the outcome. */
export async function nodeTraffic(): Promise<void> {
  const server = createServer({ ...localhostIdentity, log }, (request, response) => {
    if (request.url === "/never") {
      response.setTimeout(1, () => response.destroy());
      return;
    }
    request.on("data", () => undefined);
    response.writeProcessing((() => undefined) as never);
    response.write("one ");
    setImmediate(() => response.end("two"));
  });
  server.on("upgrade", (_request: unknown, socket: Duplex) =>
    socket.end("HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n"),
  );
  const controller = new AbortController();
  server.listen({ port: 0, host: "127.0.0.1", signal: controller.signal });
  await once(server, "listening");
  const { port } = server.address()!;
  const client = createClient({ rejectUnauthorized: false, protocols: ["http/1.1"] });
  closers.push(() => client.destroy());
  const get = async (path: string) => (await client.fetch(`https://127.0.0.1:${port}${path}`)).text();
  await all(get("/"), get("/never"));
  await all(raw(port, "GET / HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"));
  await all(raw(port, "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2\r\n\r\na", "b"));
  server.maxRequestsPerSocket = 1;
  await all(raw(port, "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(2)));
  server.getConnections(() => undefined);
  const closed = once(server, "close");
  server.close(() => undefined);
  controller.abort();
  server.closeAllConnections();
  await closed;
}

/** A server that asks for a certificate, and a client that has one. */
export async function certified(): Promise<void> {
  const { der, cert, privateKey } = makeCertificate({ purposes: [Purpose.clientAuth] });
  const server = createServer({ ...localhostIdentity, log, requestCert: true, ca: cert }, (_, response) =>
    response.end(),
  );
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => void server.close().closeAllConnections());
  const { port } = server.address()!;
  const client = await connectRawHttp3(port, { identity: { chain: [der], signer: createSigner(privateKey) } });
  closers.push(() => client.close());
  await all(client.send(headers(linesOf({})), true));
}

/** A server that checks for late heads while a client is connected. */
export async function slowHead(): Promise<void> {
  const server = createServer({ ...localhostIdentity, log, headersTimeout: 6 }, () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = createClient({ rejectUnauthorized: false, protocols: ["h3"] });
  closers.push(() => client.destroy());
  closers.push(() => void server.close().closeAllConnections());
  await all(client.fetch(`https://127.0.0.1:${server.address()!.port}/`));
}

/** Sends `first`, then `second` after the first response. */
async function raw(port: number, first: string, second = ""): Promise<void> {
  const socket = connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false });
  closers.push(() => socket.destroy());
  socket.on("error", () => undefined);
  const closed = once(socket, "close");
  socket.write(first);
  socket.once("data", () => socket.end(second));
  await closed;
}
