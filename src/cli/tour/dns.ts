// DNS: our resolver and our codec against authoritative servers that read the same zone file.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "../../client/index.ts";
import { parseZone, printRecord, type ResourceRecord, typeName } from "../../dns/index.ts";
import { DnsService } from "../../edge/dns/index.ts";
import { developmentIdentity } from "../../host/certificates/index.ts";
import { DnsResolver } from "../../host/dns/resolver.ts";
import { freePort } from "../../host/udp/free-port.ts";
import { startOwnServer } from "./own-server.ts";
import { Peer, peerPath } from "./peer.ts";
import type { Row, RowContext } from "./row.ts";

const ORIGIN = "example.test.";
const ZONE = String.raw`$TTL 300
@     SOA   ns1 hostmaster 1 3600 600 86400 60
@     NS    ns1
ns1   A     127.0.0.1
@     A     127.0.0.1
@     AAAA  ::1
@     HTTPS 1 . alpn="h3,h2" port=48443 ipv4hint=127.0.0.1 ipv6hint=::1
www   HTTPS 0 svc.example.test.
svc   HTTPS 1 . alpn="h3" no-default-alpn mandatory=alpn ech=AEX+DQBB key65400="\003www\007example\004test\000"
odd   HTTPS 16 foo.example.org. alpn="f\\\\oo\\,bar,h2" key667="hello\210qoo"
_dns  SVCB  1 ns1 alpn="dot,doq" key65333="mcast,232.1.1.1"
gen   TYPE65 \# 3 000100
alias CNAME @
text  TXT   "one" "two; three"
mail  MX    10 mx
_sip._tcp SRV 1 2 5060 sip
`;

/** Asks for every record of the zone, over UDP and TCP, and compares. */
async function compare(context: RowContext, peer: Peer, port: number): Promise<string> {
  const records = parseZone(ZONE, ORIGIN);
  const address = { address: "127.0.0.1", port };
  let questions = 0;
  for (const protocol of ["udp", "tcp"] as const) {
    const resolver = new DnsResolver({ servers: [{ ...address, protocol }] });
    await untilAnswered(context, peer, resolver, records[0]!);
    for (const record of records) {
      const { name, type } = record;
      const answer = await resolver.resolve(name, type, context.signal);
      const found = answer.kind === "records" ? answer.records.map(printRecord) : [];
      if (!found.includes(printRecord(record))) {
        throw new Error(
          `${name} ${typeName(type)}: the answer lacks ${printRecord(record)}; it has ${found.join(", ")}`,
        );
      }
      questions += 1;
    }
    const absent = await resolver.resolve(`absent.${ORIGIN}`, 1, context.signal);
    if (absent.kind !== "none" || absent.why !== "no-name") throw new Error("a name that does not exist has an answer");
  }
  return `${questions} answers are as in the zone file, over UDP and TCP`;
}

export async function untilAnswered(
  context: RowContext,
  peer: Peer,
  resolver: DnsResolver,
  { name, type }: Pick<ResourceRecord, "name" | "type">,
): Promise<void> {
  for (;;) {
    const answer = await resolver.resolve(name, type, context.signal);
    if (answer.kind === "records") return;
    if (!peer.running) throw new Error(`the peer exited: ${peer.lastLine()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Runs Knot with one zone. */
export async function withKnot<T>(
  context: RowContext,
  origin: string,
  zone: string,
  use: (peer: Peer, port: number) => Promise<T>,
): Promise<T> {
  const knotd = await peerPath(context, "knotd");
  const { directory } = context;
  const port = await freePort();
  await writeFile(join(directory, "zone"), zone);
  await writeFile(
    join(directory, "knot.conf"),
    `server:\n  rundir: "${directory}"\n  listen: 127.0.0.1@${port}\ndatabase:\n  storage: "${directory}"\n` +
      `zone:\n  - domain: ${origin}\n    storage: "${directory}"\n    file: zone\n`,
  );
  const peer = new Peer(context, knotd, ["-c", join(directory, "knot.conf")]);
  try {
    return await use(peer, port);
  } finally {
    await peer.stop();
  }
}

const KDIG_FLAGS = { UDP: [], TCP: ["+tcp"], TLS: ["+tls"], HTTPS: ["+https=/dns-query"], QUIC: ["+quic"] } as const;

/** kdig asks our name server over each transport that it has. */
async function askedByKdig(context: RowContext): Promise<string> {
  const kdig = await peerPath(context, "kdig");
  const path = join(context.directory, "zone");
  await writeFile(path, ZONE);
  await using service = await DnsService.start({
    zones: [{ path, origin: ORIGIN }],
    host: "127.0.0.1",
    port: 0,
    securePort: 0,
    httpsPort: 0,
    identity: await developmentIdentity(),
    watch: false,
    log: () => {},
    onFault: ({ error }) => console.error(error),
  });
  const { port, securePort, url } = service.addresses;
  const ports = { UDP: port, TCP: port, TLS: securePort!, HTTPS: Number(new URL(url!).port), QUIC: securePort! };
  for (const [over, flags] of Object.entries(KDIG_FLAGS)) {
    const at = ["@127.0.0.1", "-p", String(ports[over as keyof typeof ports])];
    const peer = new Peer(context, kdig, [
      ...at,
      ...flags,
      "+short",
      `svc.${ORIGIN}`,
      "HTTPS",
      `text.${ORIGIN}`,
      "TXT",
    ]);
    await peer.succeeded();
    for (const expected of ["1 . mandatory=alpn alpn=h3 no-default-alpn", '"two; three"']) {
      if (!peer.stdout.includes(expected))
        throw new Error(`over ${over}, kdig prints ${peer.stdout.trim() || peer.lastLine()}`);
    }
  }
  return `records over ${Object.keys(KDIG_FLAGS).join(", ")}`;
}

const soa = (origin: string): string =>
  `${origin} 60 SOA ns.${origin} a.${origin} 1 2 3 4 5\n${origin} 60 NS ns.${origin}\n`;

export const DNS_ROWS: readonly Row[] = [
  {
    system: "https-records",
    peer: "knot",
    against: "Knot",
    command: "nagare dns query example.test HTTPS @127.0.0.1 -p 5353",
    run: (context) => withKnot(context, ORIGIN, ZONE, (peer, port) => compare(context, peer, port)),
  },
  {
    system: "https-records",
    peer: "bind",
    against: "BIND",
    command: "nagare dns query example.test HTTPS @127.0.0.1 -p 5353 --tcp",
    async run(context) {
      const named = await peerPath(context, "named");
      const { directory } = context;
      const port = await freePort();
      await writeFile(join(directory, "zone"), ZONE);
      await writeFile(
        join(directory, "named.conf"),
        `options { directory "${directory}"; listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; }; ` +
          `pid-file "${directory}/pid"; session-keyfile "${directory}/key"; recursion no; dnssec-validation no; };\n` +
          `controls { };\nzone "example.test" { type primary; file "zone"; };\n`,
      );
      const peer = new Peer(context, named, ["-g", "-c", join(directory, "named.conf")]);
      try {
        return await compare(context, peer, port);
      } finally {
        await peer.stop();
      }
    },
  },
  {
    system: "https-records",
    peer: "kdig",
    against: "kdig",
    command: "nagare dns serve example.test.zone --tls --https",
    run: askedByKdig,
  },
  {
    system: "happy-eyeballs",
    peer: "knot",
    against: "Knot, own server",
    command: "nagare get --trace --https-records 127.0.0.1:5353 https://localhost:4433/",
    async run(context) {
      await using server = await startOwnServer(context);
      // Nothing listens here: only the record leads to the server.
      const nothing = await freePort();
      const record = `_${nothing}._https.localhost. 60 HTTPS 1 localhost. alpn=h3,h2 port=${server.port}\n`;
      return await withKnot(context, "localhost.", soa("localhost.") + record, async (peer, port) => {
        const resolver = new DnsResolver({ servers: [{ protocol: "udp", address: "127.0.0.1", port }] });
        await untilAnswered(context, peer, resolver, { name: "localhost.", type: 6 });
        await using client = createClient({
          ca: server.identity.cert,
          resolve: () => ["127.0.0.99", "127.0.0.1"],
          happyEyeballs: { httpsRecords: [`127.0.0.1:${port}`], resolutionDelay: 5_000 },
        });
        const response = await client.fetch(`https://localhost:${nothing}/`, { signal: context.signal });
        await response.text();
        const { protocol, remotePort, decisions } = client.facts(response)!;
        if (remotePort !== server.port) throw new Error(`connected to port ${remotePort}, not to the record's`);
        const won = decisions.flatMap(({ event }) => (event.type === "race:ended" ? [event.why] : [])).at(-1);
        return `${protocol} at the port of Knot's record; ${won}`;
      });
    },
  },
];
