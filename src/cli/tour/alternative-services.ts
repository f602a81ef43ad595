// Alternative services: curl moves to the server that ours names, and our client to HTTP/3.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { parseAltSvcFile, printAltSvcFile } from "../../agent/index.ts";
import { createClient, type Resolver } from "../../client/index.ts";
import { parseRecord } from "../../dns/index.ts";
import { type ServeOptions, serve } from "../../edge/serve.ts";
import type { Server } from "../../edge/server.ts";
import { type DevelopmentIdentity, developmentIdentity } from "../../host/certificates/index.ts";
import { peerPath, runPeer } from "./peer.ts";
import type { Row, RowContext } from "./row.ts";

const TCP = ["h2", "http/1.1"] as const;

/** Says its name; `alternative` is where clients should go instead. */
function named(
  name: string,
  { cert, key }: DevelopmentIdentity,
  options: Pick<ServeOptions, "protocols"> = {},
  alternative?: string,
): Promise<Server> {
  const headers = alternative === undefined ? {} : { "alt-svc": alternative };
  return serve(
    { port: 0, host: "127.0.0.1", cert, key, log: () => {}, ...options },
    (_, { protocol }) => new Response(`${name} over ${protocol}`, { headers }),
  );
}

/** curl keeps what a server names in a file, and connects there the next time, also if we have written the file. */
async function movedCurl(context: RowContext, identity: DevelopmentIdentity): Promise<string> {
  const curl = await peerPath(context, "curl");
  const ca = join(context.directory, "ca.pem");
  await writeFile(ca, identity.cert);
  await using second = await named("second", identity, { protocols: TCP });
  await using first = await named("first", identity, { protocols: TCP }, `h2=":${second.port}"; ma=60`);
  const ask = async (file: string): Promise<string> => {
    const options = ["-sS", "--http2", "--max-time", "20", "--cacert", ca, "--alt-svc", file];
    return (await runPeer(context, curl, [...options, `https://localhost:${first.port}/`])).stdout;
  };
  const said = [await ask("services.txt"), await ask("services.txt")];
  const { entries, problems } = parseAltSvcFile(await readFile(join(context.directory, "services.txt"), "utf8"));
  if (entries.length !== 1)
    throw new Error(`we read ${entries.length} entries of curl's file: ${JSON.stringify(problems)}`);
  await writeFile(join(context.directory, "ours.txt"), printAltSvcFile(entries));
  said.push(await ask("ours.txt"));
  if (said.join() !== "first over h2,second over h2,second over h2")
    throw new Error(`curl heard ${said.join(", then ")}`);
  return "curl moved to the second server, by its file and by ours";
}

/** Our client begins over TCP, and goes on over HTTP/3 at another port. */
async function movedClient(identity: DevelopmentIdentity): Promise<string> {
  await using second = await named("second", identity);
  await using first = await named("first", identity, { protocols: TCP }, `h3=":${second.port}"; ma=60`);
  const client = createClient({ ca: identity.cert });
  try {
    const said: string[] = [];
    while (said.length < 100 && said.at(-1) !== "second over h3") {
      said.push(await (await client.fetch(first.url)).text());
    }
    if (said[0] !== "first over h2" || said.at(-1) !== "second over h3") {
      throw new Error(`our client heard ${said[0]}, then ${said.at(-1)}`);
    }
    return "our client to HTTP/3 at another port";
  } finally {
    await client.close();
  }
}

/** Plan B: an ALTSVCB frame names a host, whose HTTPS record our client then prefers to the origin's own. */
async function movedByPlanB({ cert, key }: DevelopmentIdentity): Promise<string> {
  const origin = "https://localhost";
  const common = { port: 0, host: "127.0.0.1", cert, key, log: () => {} } as const;
  const used: (string | null)[] = [];
  await using second = await serve(common, ({ headers }) => {
    used.push(headers.get("alt-used"));
    return new Response("second");
  });
  // The field of the handler's own says nothing: only the frame does.
  const silent = { headers: { "alt-svcb": "" } };
  await using first = await serve(
    { ...common, altSvcb: "b.localhost", origins: [origin] },
    () => new Response("first", silent),
  );
  const only = `port=${second.port} mandatory=alt-only alt-only`;
  const records = [
    `_${first.port}._https.localhost. 60 HTTPS 1 localhost. alpn=h2`,
    `_${first.port}._https.localhost. 60 HTTPS 2 b.localhost. alpn=h2 ${only}`,
    `b.localhost. 60 HTTPS 1 . alpn=h2 ${only}`,
  ].map((each) => parseRecord(each));
  const resolver: Resolver = {
    async resolve(name, type) {
      const found = records.filter((each) => each.name === name && each.type === type);
      if (found.length === 0) return { kind: "none", why: "no-data", from: "network" };
      return { kind: "records", name, records: found, from: "network" };
    },
  };
  const client = createClient({
    ca: cert,
    resolver,
    protocols: ["h2"],
    idleTimeout: 1,
    connectTo: (_host, port) => ({ host: "localhost", port: port === 443 ? first.port : port }),
    experimental: { altSvcb: true },
  });
  try {
    const said: string[] = [];
    while (said.length < 200 && said.at(-1) !== "second") {
      said.push(await (await client.fetch(origin)).text());
      // The next request has a connection of its own.
      while (client.connections().length > 0) await new Promise(setImmediate);
    }
    if (said[0] !== "first" || said.at(-1) !== "second" || used.includes(null)) {
      throw new Error(`our client heard ${said[0]}, then ${said.at(-1)}; Alt-Used: ${used.join(", ")}`);
    }
    return `an ALTSVCB frame moved our client to ${used.at(-1)}`;
  } finally {
    await client.close();
  }
}

export const ALTERNATIVE_SERVICE_ROWS: readonly Row[] = [
  {
    system: "alternative-services",
    peer: "curl",
    against: "curl, own client",
    command: "curl --http2 --alt-svc services.txt https://localhost:4433/",
    async run(context) {
      const identity = await developmentIdentity({ directory: context.directory });
      return `${await movedCurl(context, identity)}, ${await movedClient(identity)}`;
    },
  },
  {
    system: "alternative-services",
    peer: "own",
    against: "own client and server",
    command: "nagare get --trace --alt-svcb --https-records https://localhost:4433/",
    async run(context) {
      return movedByPlanB(await developmentIdentity({ directory: context.directory }));
    },
  },
];
