/**
 * The load on a server for Node's (req, res), in its own process. Its parent sends it orders. HTTP/1.1 is written to
 * sockets directly: the two cores are shared with the server, so the client must be cheap.
 */

import { once } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { createClient } from "../../src/client/index.ts";
import type { FrameworkLoad, FrameworkLoadDone } from "../messages.ts";

/** Sends the load's request, and waits for the end of the response. */
type Send = () => Promise<void>;

interface Connections {
  /** For each of the concurrent senders. */
  readonly senders: readonly Send[];
  readonly cipher?: string;
  close(): unknown;
}

const FIELDS = {
  "user-agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
  accept: "application/json, text/plain, */*",
  "accept-encoding": "gzip, deflate, br",
  "accept-language": "en-GB,en;q=0.9",
  cookie: "session=6f0d2f63a1c94b27a3d1",
};

const fieldsOf = ({ body }: FrameworkLoad): Record<string, string> =>
  body === undefined
    ? FIELDS
    : { ...FIELDS, "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) };

async function openHttp1(load: FrameworkLoad): Promise<Connections> {
  const { host, port, ca, path, body = "" } = load;
  const lines = Object.entries({ host: `${host}:${port}`, connection: "keep-alive", ...fieldsOf(load) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const message = `${body === "" ? "GET" : "POST"} ${path} HTTP/1.1\r\n${head}\r\n${body}`;
  const sockets = Array.from({ length: load.concurrency }, (): Socket => {
    if (load.protocol === "http") return connectTcp({ port, host: "127.0.0.1", noDelay: true });
    return connectTls({ port, host: "127.0.0.1", servername: host, ca, ALPNProtocols: ["http/1.1"] }).setNoDelay();
  });
  await Promise.all(sockets.map((socket) => once(socket, load.protocol === "http" ? "connect" : "secureConnect")));
  const cipher = (sockets[0] as TLSSocket).getCipher?.().name;
  return {
    senders: sockets.map((socket) => senderOn(socket, message)),
    ...(cipher === undefined ? {} : { cipher }),
    close: () => sockets.map((socket) => socket.destroy()),
  };
}

function senderOn(socket: Socket, message: string): Send {
  let received = "";
  let settle: { resolve: () => void; reject: (error: Error) => void } | undefined;
  socket.setEncoding("latin1");
  socket.on("data", (text: string) => {
    received += text;
    const head = received.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = /\r\ncontent-length: (\d+)/i.exec(received)?.[1];
    if (!received.startsWith("HTTP/1.1 200 ") || length === undefined) socket.destroy(new Error(received));
    if (received.length < head + 4 + Number(length)) return;
    received = "";
    settle?.resolve();
  });
  socket.on("error", (error) => settle?.reject(error));
  socket.on("end", () => settle?.reject(new Error("the server closed the connection")));
  return () =>
    new Promise((resolve, reject) => {
      settle = { resolve, reject };
      socket.write(message, "latin1");
    });
}

async function openHttp2(load: FrameworkLoad): Promise<Connections> {
  const { host, port, ca, path, body } = load;
  const session: ClientHttp2Session = connectHttp2(`https://127.0.0.1:${port}`, { servername: host, ca });
  await once(session, "connect");
  const fields = {
    ":method": body === undefined ? "GET" : "POST",
    ":path": path,
    ":authority": `${host}:${port}`,
    ...fieldsOf(load),
  };
  const send = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const stream = session.request(fields, { endStream: body === undefined });
      if (body !== undefined) stream.end(body);
      stream.on("response", (head) => {
        if (head[":status"] !== 200) reject(new Error(`status ${head[":status"]}`));
      });
      stream.on("end", resolve).on("error", reject).resume();
    });
  return { senders: Array.from({ length: load.concurrency }, () => send), close: () => session.close() };
}

function openHttp3(load: FrameworkLoad): Connections {
  const { host, port, ca, path, body } = load;
  const client = createClient({ protocols: ["h3"], ca, resolve: () => ["127.0.0.1"] });
  const init = body === undefined ? { headers: fieldsOf(load) } : { method: "POST", headers: fieldsOf(load), body };
  const send = async (): Promise<void> => {
    const response = await client.fetch(`https://${host}:${port}${path}`, init);
    if (response.status !== 200) throw new Error(`status ${response.status}`);
    await response.arrayBuffer();
  };
  return { senders: Array.from({ length: load.concurrency }, () => send), close: () => client.close() };
}

const OPEN = { http: openHttp1, h1: openHttp1, h2: openHttp2, h3: openHttp3 };

let kept: Connections | undefined;

async function run(load: FrameworkLoad): Promise<FrameworkLoadDone> {
  const connections = kept ?? (await OPEN[load.protocol](load));
  kept = load.keep ? connections : undefined;
  const started = performance.now();
  let begun = 0;
  const worker = async (send: Send): Promise<void> => {
    while (begun < load.requests) {
      begun += 1;
      await send();
    }
  };
  await Promise.all(connections.senders.map(worker));
  const milliseconds = performance.now() - started;
  if (kept === undefined) await connections.close();
  const { cipher } = connections;
  return { milliseconds, ...(cipher === undefined ? {} : { cipher }) };
}

process.on("message", (load: FrameworkLoad) => {
  run(load)
    .catch((error: Error): FrameworkLoadDone => ({ milliseconds: 0, error: error.message }))
    .then((done) => process.send!(done));
});

process.send!("ready");
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
