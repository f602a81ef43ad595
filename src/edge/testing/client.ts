/** The test client over HTTP/1.1 and HTTP/2, on Node's own modules; and the list of all versions. */

import { once } from "node:events";
import { Agent, type ClientRequest, request as http1Request, type IncomingMessage } from "node:http";
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from "node:http2";
import type { Readable, Writable } from "node:stream";
import { connect as tlsConnect } from "node:tls";
import type { HttpVersion } from "../../host/http/exchange.ts";
import { openHttp3 } from "./http3-client.ts";
import type { OpenTestClient, TestExchange, TestResponse } from "./test-client.ts";

const flatten = (headers: NodeJS.Dict<string | string[] | number>): Record<string, string> => {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name.startsWith(":")) continue;
    flat[name] = Array.isArray(value) ? value.join(name === "set-cookie" ? "\n" : ", ") : String(value);
  }
  return flat;
};

async function readAll(source: Readable): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

function responseOf(
  status: number,
  headers: NodeJS.Dict<string | string[] | number>,
  content: Readable,
  trailers: () => NodeJS.Dict<string | string[]>,
): TestResponse {
  return {
    status,
    headers: flatten(headers),
    content,
    bytes: () => readAll(content),
    text: async () => new TextDecoder().decode(await readAll(content)),
    trailers: () => flatten(trailers()),
  };
}

/** Resolves when there is room for more, or the target has closed. */
async function send(target: Writable, chunk: string | Uint8Array): Promise<void> {
  if (target.write(chunk)) return;
  const settled = new AbortController();
  const { signal } = settled;
  await Promise.race([once(target, "drain", { signal }), once(target, "close", { signal })]).finally(() => {
    settled.abort();
  });
}

export const openHttp1: OpenTestClient = async (origin, { servername = "localhost" } = {}) => {
  const socket = tlsConnect({
    host: origin.hostname.replaceAll(/[[\]]/g, ""),
    port: Number(origin.port),
    servername,
    rejectUnauthorized: false,
    ALPNProtocols: ["http/1.1"],
  });
  await once(socket, "secureConnect");
  const goneAway = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  // One connection, used by one request at a time.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  agent.createConnection = () => socket;
  return {
    protocol: "http/1.1",
    sendsTrailers: true,
    goneAway,
    close: () => socket.destroy(),
    request: ({ method = "GET", path = "/", headers = {}, body, streaming }) => {
      const request: ClientRequest = http1Request({
        method,
        path,
        maxHeaderSize: 1 << 17,
        headers: { host: `${servername}:${origin.port}`, ...headers },
        agent,
      });
      const informational: TestExchange["informational"] = [];
      request.on("information", (info) => {
        informational.push({ status: info.statusCode, headers: flatten(info.headers) });
      });
      const response = new Promise<TestResponse>((resolve, reject) => {
        request.on("error", reject);
        request.on("response", (message: IncomingMessage) => {
          message.on("error", () => undefined);
          resolve(responseOf(message.statusCode!, message.headers, message, () => message.trailers));
        });
      });
      response.catch(() => undefined);
      if (streaming) request.flushHeaders();
      else request.end(body);
      return {
        response,
        informational,
        send: (chunk) => send(request, chunk),
        finish: (trailers) => {
          if (trailers !== undefined) request.addTrailers(trailers);
          request.end();
        },
        cancel: () => request.destroy(),
      };
    },
  };
};

export const openHttp2: OpenTestClient = async (origin, { servername = "localhost" } = {}) => {
  const session: ClientHttp2Session = connect(origin, { servername, rejectUnauthorized: false });
  session.on("error", () => undefined);
  await once(session, "connect");
  const goneAway = new Promise<void>((resolve) => {
    session.once("goaway", () => resolve());
    session.once("close", () => resolve());
  });
  return {
    protocol: "h2",
    sendsTrailers: true,
    goneAway,
    close: () => session.destroy(),
    request: ({ method = "GET", path = "/", headers = {}, body, streaming }) => {
      const hasBody = body !== undefined || streaming === true;
      const stream: ClientHttp2Stream = session.request(
        { ":method": method, ":path": path, ":authority": `${servername}:${origin.port}`, ...headers },
        { endStream: !hasBody, waitForTrailers: true },
      );
      const informational: TestExchange["informational"] = [];
      stream.on("headers", (info) => {
        informational.push({ status: Number(info[":status"]), headers: flatten(info) });
      });
      let received: NodeJS.Dict<string | string[]> = {};
      stream.on("trailers", (trailers) => {
        received = trailers;
      });
      let toSend: Record<string, string> | undefined;
      stream.on("wantTrailers", () => {
        stream.sendTrailers(toSend ?? {}); // without any, Node just ends the stream
      });
      const response = new Promise<TestResponse>((resolve, reject) => {
        stream.on("error", reject);
        stream.on("close", () => reject(new Error(`stream closed (${stream.rstCode})`)));
        stream.on("response", (head) => {
          resolve(responseOf(head[":status"]!, head, stream, () => received));
        });
      });
      response.catch(() => undefined);
      if (body !== undefined) stream.end(body);
      return {
        response,
        informational,
        send: (chunk) => send(stream, chunk),
        finish: (trailers) => {
          toSend = trailers;
          stream.end();
        },
        cancel: () => stream.close(8), // CANCEL (RFC 9113 §7)
      };
    },
  };
};

export const TCP_VERSIONS: readonly [version: HttpVersion, open: OpenTestClient][] = [
  ["http/1.1", openHttp1],
  ["h2", openHttp2],
];

/** Every version of HTTP that a server supports, for test cases that run over all of them. */
export const VERSIONS: typeof TCP_VERSIONS = [...TCP_VERSIONS, ["h3", openHttp3]];
