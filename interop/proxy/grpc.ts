/** A client and a server of gRPC's own library, with the proxy between them, over HTTP/2 on both sides. */

import { readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { freePort } from "../../src/host/udp/free-port.ts";
import { Child } from "../child.ts";
import { npmPackage } from "../install/npm.ts";
import { isListening } from "./origins.ts";

const GRPC = "1.14.7";

/** Messages are bytes: what a message means does not matter to a proxy. */
const SERVICE = `{
  ...Object.fromEntries(
    [["echo", false, false], ["count", false, true], ["sum", true, false], ["chat", true, true], ["fail", false, false], ["hang", false, true]].map(
      ([name, requestStream, responseStream]) => [
        name,
        {
          path: "/test.Test/" + name, requestStream, responseStream,
          requestSerialize: Buffer.from, requestDeserialize: String, responseSerialize: Buffer.from, responseDeserialize: String,
        },
      ],
    ),
  ),
}`;

const SERVER = `
const grpc = require(process.argv[2] + "/@grpc/grpc-js");
const server = new grpc.Server();
let cancelled = 0;
server.addService(${SERVICE}, {
  echo(call, done) {
    const trailers = new grpc.Metadata();
    trailers.set("x-trailer", "of " + (call.metadata.get("x-name")[0] ?? "nobody"));
    done(null, call.request === "cancelled?" ? String(cancelled) : call.request, trailers);
  },
  count(call) {
    let n = 0;
    const timer = setInterval(() => {
      if ((n += 1) > 5) { clearInterval(timer); call.end(); } else call.write(String(Date.now()));
    }, 50);
  },
  sum(call, done) {
    let bytes = 0;
    call.on("data", (text) => { bytes += text.length; });
    call.on("end", () => done(null, String(bytes)));
  },
  chat(call) {
    call.on("data", (text) => call.write(text.toUpperCase()));
    call.on("end", () => call.end());
  },
  fail(call, done) {
    const metadata = new grpc.Metadata();
    metadata.set("x-reason", "none");
    done({ code: grpc.status.NOT_FOUND, details: "no such thing: 100 %", metadata });
  },
  hang(call) {
    call.write("begun");
    call.on("cancelled", () => { cancelled += 1; });
  },
});
server.bindAsync("127.0.0.1:" + process.env.APP_PORT, grpc.ServerCredentials.createInsecure(), () => {});
`;

export interface Grpc extends AsyncDisposable {
  /** As the proxy takes it. */
  readonly url: string;
  readonly modules: string;
}

export async function startGrpc(directory: string, log: (line: string) => void): Promise<Grpc> {
  const modules = await npmPackage("grpc", `@grpc/grpc-js@${GRPC}`, log);
  const file = join(directory, "grpc.cjs");
  await writeFile(file, SERVER);
  const port = await freePort();
  const child = new Child([process.execPath, file, modules], { env: { APP_PORT: String(port) } });
  await child.until(() => isListening(port));
  return { url: `h2c://127.0.0.1:${port}`, modules, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

/** What we use of the library, whose types are not installed here. */
interface Call extends AsyncIterable<string> {
  on(event: string, listener: (value: never) => void): this;
  write(text: string): void;
  end(): void;
  cancel(): void;
}
type Done = (error: (Error & { code: number; details: string; metadata: Metadata }) | null, value: string) => void;
interface Metadata {
  set(name: string, value: string): void;
  get(name: string): readonly unknown[];
}

/** `host` is the proxy's, and `caFile` the authority of its certificate. */
export async function speaksGrpc({ modules }: Grpc, host: string, caFile: string): Promise<string> {
  const grpc = createRequire(import.meta.url)(join(modules, "@grpc/grpc-js"));
  const Client = grpc.makeGenericClientConstructor(new Function(`return ${SERVICE}`)(), "Test");
  const client = new Client(host, grpc.credentials.createSsl(await readFile(caFile)));
  try {
    const echo = (text: string): Promise<{ value: string; trailer: unknown }> =>
      new Promise((resolve, reject) => {
        const metadata: Metadata = new grpc.Metadata();
        metadata.set("x-name", "client");
        let value = "";
        const call: Call = client.echo(text, metadata, ((error, answer) => {
          if (error !== null) reject(error);
          value = answer;
        }) as Done);
        call.on("status", ({ metadata: trailers }: { metadata: Metadata }) =>
          resolve({ value, trailer: trailers.get("x-trailer")[0] }),
        );
      });
    const large = "x".repeat(1 << 20);
    const unary = await echo(large);
    expect("a unary call", [unary.value === large, unary.trailer], [true, "of client"]);

    const delays: number[] = [];
    for await (const sent of client.count("5") as Call) delays.push(Date.now() - Number(sent));
    expect("server streaming", delays.length, 5);
    // The median, since a busy machine may delay one.
    if (delays.toSorted((a, b) => a - b)[2]! > 50)
      throw new Error(`the messages of a stream took ${delays.join(", ")} ms`);

    const sum = await new Promise((resolve, reject) => {
      const call: Call = client.sum(((error, value) => (error === null ? resolve(value) : reject(error))) as Done);
      for (let n = 0; n < 100; n += 1) call.write("x".repeat(10_000));
      call.end();
    });
    expect("client streaming", sum, "1000000");

    const chat: Call = client.chat();
    chat.write("first");
    const heard: string[] = [];
    for await (const text of chat) {
      heard.push(text);
      if (heard.length === 1) chat.write("second");
      else chat.end();
    }
    expect("bidirectional streaming", heard, ["FIRST", "SECOND"]);

    const failure = await new Promise<Parameters<Done>[0]>((resolve) => client.fail("?", resolve));
    const facts = [failure?.code, failure?.details, failure?.metadata.get("x-reason")[0]];
    expect("a status", facts, [grpc.status.NOT_FOUND, "no such thing: 100 %", "none"]);

    const late = await new Promise((resolve) => {
      const call: Call = client.hang("?", { deadline: Date.now() + 200 });
      call.on("data", () => {});
      call.on("error", ({ code }: { code: number }) => resolve(code));
    });
    expect("a deadline", late, grpc.status.DEADLINE_EXCEEDED);
    while ((await echo("cancelled?")).value !== "1") await new Promise((resolve) => setTimeout(resolve, 10));
    return `calls of all four kinds, a status, and a deadline that ended the origin's call; the slowest message of a stream took ${Math.max(...delays)} ms`;
  } finally {
    client.close();
  }
}

function expect(what: string, actual: unknown, expected: unknown): void {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (got !== wanted) throw new Error(`${what} gave ${got}, not ${wanted}`);
}
