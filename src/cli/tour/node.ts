// nagare/node: one listener for Node's (req, res), on node:https and over every version here, must give the same answers.
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Client, createClient, type Protocol } from "../../client/index.ts";
import { developmentIdentity } from "../../host/certificates/index.ts";
import { createServer } from "../../node/index.ts";
import { Peer, untilReady } from "./peer.ts";
import type { Row, RowContext } from "./row.ts";

/** A module that both servers run. */
const LISTENER = `
export default (request, response) => {
  response.setHeader("x-host", request.headers.host.replace(/:[0-9]+$/, ""));
  response.setHeader("set-cookie", ["a=1", "b=2"]);
  if (request.url === "/echo") request.pipe(response);
  else if (request.url === "/early") response.writeHead(201, "Made", { etag: '"1"' }).end(request.method);
  else if (request.url === "/parts") {
    response.write("one ");
    setImmediate(() => response.end("two"));
  } else response.writeHead(404, { "content-type": "text/plain" }).end("nothing at " + request.url);
};
`;

/** node:https in a process of its own. Prints its port. */
const PEER = `
import { readFileSync } from "node:fs";
import listener from "./listener.mjs";
import(process.argv[2]).then(({ createServer }) => {
  const pem = readFileSync("identity.pem");
  const server = createServer({ cert: pem, key: pem }, listener);
  server.listen(0, "127.0.0.1", () => console.log(server.address().port));
});
`;

const REQUESTS: readonly (readonly [path: string, init: { readonly method?: string; readonly body?: string }])[] = [
  ["/echo", { method: "POST", body: "content" }],
  ["/early", { method: "PUT", body: "x" }],
  ["/early", { method: "HEAD" }],
  ["/parts", {}],
  ["/absent?a=b", {}],
];

const VERSIONS: readonly Protocol[] = ["http/1.1", "h2", "h3"];

/** Fields about one connection or moment. */
const CONNECTION_FIELDS = ["date", "connection", "keep-alive", "transfer-encoding", "alt-svc", "content-length"];

export const NODE_ROWS: readonly Row[] = [
  {
    system: "quic",
    peer: "node",
    against: "node:https",
    command: "npm run examples -- express; nagare get -k --http3-only https://localhost:4433/",
    async run(context) {
      const { cert, key } = await developmentIdentity({ directory: context.directory });
      const modulePath = join(context.directory, "listener.mjs");
      await writeFile(modulePath, LISTENER);
      await writeFile(join(context.directory, "peer.mjs"), PEER);
      await writeFile(join(context.directory, "identity.pem"), cert + key);
      const peer = new Peer(context, process.execPath, ["peer.mjs", "node:https"]);
      const { default: listener } = await import(pathToFileURL(modulePath).href);
      await using server = createServer({ cert, key, log: () => {} }, listener).listen(0, "127.0.0.1");
      try {
        await once(server, "listening");
        const port = await untilReady(context, peer, async () => portIn(peer.stdout));
        const expected = await answersOf("http/1.1", port, cert, context);
        for (const version of VERSIONS) {
          const answers = await answersOf(version, server.address()!.port, cert, context);
          for (const [i, answer] of answers.entries()) {
            if (answer === expected[i]) continue;
            throw new Error(`${REQUESTS[i]![0]} over ${version}: ${answer} instead of ${expected[i]}`);
          }
        }
      } finally {
        await peer.stop();
      }
      return `one listener, ${REQUESTS.length} requests: the same answers over ${VERSIONS.join(", ")}`;
    },
  },
];

function portIn(text: string): number {
  const line = /^([0-9]+)\n/.exec(text);
  if (line === null) throw new Error("it has not printed its port");
  return Number(line[1]);
}

/** Status, fields and content of each response, as text. */
async function answersOf(version: Protocol, port: number, ca: string, { signal }: RowContext): Promise<string[]> {
  const client: Client = createClient({ protocols: [version], ca, resolve: () => ["127.0.0.1"] });
  try {
    const answers: string[] = [];
    for (const [path, init] of REQUESTS) {
      const response = await client.fetch(`https://localhost:${port}${path}`, { ...init, signal });
      const fields = [...response.headers].filter(([name]) => !CONNECTION_FIELDS.includes(name)).map(String);
      answers.push(JSON.stringify([response.status, fields.sort(), await response.text()]));
    }
    return answers;
  } finally {
    await client.destroy();
  }
}
