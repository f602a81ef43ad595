// CONNECT-UDP: our proxy carries a name server's answers, and our own HTTP/3, over every version of HTTP.
import { createClient, type UdpForwarder } from "../../client/index.ts";
import { createUdpProxy } from "../../edge/connect-udp/index.ts";
import { serve } from "../../edge/serve.ts";
import { DnsResolver } from "../../host/dns/resolver.ts";
import { untilAnswered, withKnot } from "./dns.ts";
import { type OwnServer, sha256, startOwnServer } from "./own-server.ts";
import { Peer, peerPath } from "./peer.ts";
import type { Row, RowContext } from "./row.ts";

const VERSIONS = ["http/1.1", "h2", "h3"] as const;
const ZONE = '$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n@ NS ns1\nns1 A 127.0.0.1\ntext TXT "through"\n';

/** A proxy that allows one target. */
async function withProxy<T>(server: OwnServer, target: string, use: (via: string) => Promise<T>): Promise<T> {
  const { cert, key } = server.identity;
  const udp = createUdpProxy({ allow: [target], log: () => {} });
  const proxy = await serve({ port: 0, host: "127.0.0.1", cert, key, log: () => {} }, (request, context) =>
    udp.fetch(request, context),
  );
  try {
    return await use(`https://localhost:${proxy.port}`);
  } finally {
    await udp.close();
    await proxy.close({ timeout: 0 });
  }
}

async function askThrough(context: RowContext, kdig: string, { address }: UdpForwarder): Promise<void> {
  const question = ["text.example.test.", "TXT", "+short", "+notcp", "+time=5"];
  const asked = new Peer(context, kdig, ["@127.0.0.1", "-p", `${address.port}`, ...question]);
  await asked.succeeded();
  if (asked.stdout.trim() !== '"through"') throw new Error(`kdig printed ${asked.stdout.trim()}`);
}

export const CONNECT_UDP_ROWS: readonly Row[] = [
  {
    system: "connect-udp",
    peer: "knot",
    against: "kdig, Knot",
    command: "nagare tunnel 127.0.0.1:5353 --via https://localhost:4433",
    async run(context) {
      const kdig = await peerPath(context, "kdig");
      await using server = await startOwnServer(context);
      return await withKnot(context, "example.test.", ZONE, async (peer, port) => {
        const resolver = new DnsResolver({ servers: [{ protocol: "udp", address: "127.0.0.1", port }] });
        await untilAnswered(context, peer, resolver, { name: "text.example.test.", type: 16 });
        const target = `127.0.0.1:${port}`;
        return await withProxy(server, target, async (via) => {
          for (const protocol of VERSIONS) {
            await using client = createClient({ ca: server.identity.cert, protocols: [protocol] });
            await using forwarder = await client.forwardUdp(target, { via });
            await askThrough(context, kdig, forwarder);
          }
          return `kdig has Knot's answer over ${VERSIONS.join(", ")}`;
        });
      });
    },
  },
  {
    system: "connect-udp",
    peer: "own",
    against: "own client",
    command: "nagare get --via-udp https://localhost:4433 https://localhost:8443/",
    async run(context) {
      await using server = await startOwnServer(context);
      return await withProxy(server, `127.0.0.1:${server.port}`, async (url) => {
        for (const protocol of VERSIONS) {
          await using client = createClient({
            ca: server.identity.cert,
            udpVia: { url, client: { protocols: [protocol] } },
          });
          const response = await client.fetch(`https://127.0.0.1:${server.port}/file`, { signal: context.signal });
          const received = new Uint8Array(await response.arrayBuffer());
          if (sha256(received) !== server.sha256) throw new Error(`over ${protocol}, the file differs`);
        }
        return `HTTP/3 through ${VERSIONS.join(", ")}: 1 MiB each, identical`;
      });
    },
  },
];
