// What QUIC does on bad networks and with clients that return: loss recovery, migration, resumption and 0-RTT.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { millis } from "../../base/time.ts";
import { type Client, createClient } from "../../client/index.ts";
import type { CongestionControl } from "../../congestion/index.ts";
import { createHttp3Connector } from "../../host/client/h3-connector.ts";
import { startUdpRelay, type UdpRelay } from "../../host/relay/udp-relay.ts";
import { bytes, duration } from "../get/units.ts";
import { expectFile, expectSame, FILE_SIZE, type OwnServer, sha256, startOwnServer } from "./own-server.ts";
import { peerPath, runPeer } from "./peer.ts";
import type { Row, RowContext } from "./row.ts";

const FILE = bytes(FILE_SIZE);

/** 20 Mbit/s, a round trip of 30 ms; the queue holds two of these. */
const LINK = { delay: millis(15), rate: 20e6, queue: 120 };
const LOSS = 0.01;

const linkTo = ({ port }: OwnServer, loss = 0): Promise<UdpRelay> =>
  startUdpRelay({ server: { host: "127.0.0.1", port }, up: { ...LINK, loss }, down: { ...LINK, loss } });

const clientOf = (server: OwnServer, options: Parameters<typeof createClient>[0] = {}): Client =>
  createClient({ protocols: ["h3"], ca: server.identity.cert, resolve: () => ["127.0.0.1"], ...options });

/** Runs gtlsclient and checks the file that it saved. Returns what it printed. */
async function gtlsclient(context: RowContext, server: OwnServer, port: number, options: readonly string[]) {
  const path = await peerPath(context, "gtlsclient");
  const folder = join(context.directory, "download");
  await mkdir(folder, { recursive: true });
  const target = ["127.0.0.1", String(port), `https://localhost:${port}/file`];
  const args = [...options, "--exit-on-all-streams-close", "--timeout=5s", `--download=${folder}`, ...target];
  const { stdout, stderr } = await runPeer(context, path, args);
  await expectFile(context, "download/file", server.sha256);
  return stdout + stderr;
}

export const TRANSPORT_ROWS: readonly Row[] = [
  {
    system: "loss-recovery",
    peer: "own",
    against: "own client",
    command: "npm run bench -- controllers",
    async run(context) {
      const times: string[] = [];
      for (const congestionControl of ["cubic", "bbr"] satisfies CongestionControl[]) {
        await using server = await startOwnServer(context, { quic: { congestionControl } });
        await using link = await linkTo(server, LOSS);
        await using client = clientOf(server);
        const response = await client.fetch(`https://localhost:${link.port}/file`, { signal: context.signal });
        const started = performance.now();
        expectSame(sha256(new Uint8Array(await response.arrayBuffer())), server.sha256);
        times.push(`${congestionControl.toUpperCase()} ${duration(performance.now() - started)}`);
      }
      return `${FILE} over 20 Mbit/s, 30 ms, 1 % loss: ${times.join(", ")}`;
    },
  },
  {
    system: "loss-recovery",
    peer: "gtlsclient",
    against: "ngtcp2's gtlsclient",
    command: "npm run bench -- controllers",
    async run(context) {
      await using server = await startOwnServer(context);
      await using link = await linkTo(server, LOSS);
      const started = performance.now();
      await gtlsclient(context, server, link.port, ["-q"]);
      const { loss } = link.down.dropped;
      return `${FILE} in ${duration(performance.now() - started)}, ${loss} packets lost`;
    },
  },
  {
    system: "migration",
    peer: "own",
    against: "own client",
    command: "nagare get -k --http3-only -O https://localhost:4433/large.bin   # and change networks meanwhile",
    async run(context) {
      await using server = await startOwnServer(context);
      await using link = await linkTo(server);
      await using client = clientOf(server);
      const response = await client.fetch(`https://localhost:${link.port}/file`, { signal: context.signal });
      const chunks: Uint8Array[] = [];
      for await (const chunk of response.body!) {
        if (chunks.length === 0) {
          link.rebind();
          await client.connections()[0]!.migrate!({});
        }
        chunks.push(chunk);
      }
      expectSame(sha256(Buffer.concat(chunks)), server.sha256);
      return `${FILE}, while a NAT and then the client changed the port`;
    },
  },
  {
    system: "migration",
    peer: "gtlsclient",
    against: "ngtcp2's gtlsclient",
    command:
      "gtlsclient --change-local-addr=2ms --exit-on-all-streams-close localhost 4433 https://localhost:4433/large.bin",
    async run(context) {
      await using server = await startOwnServer(context);
      await using link = await linkTo(server);
      const log = await gtlsclient(context, server, link.port, [
        "--change-local-addr=50ms",
        "--no-quic-dump",
        "--no-http-dump",
      ]);
      if (!/rx .*PATH_RESPONSE/.test(log)) throw new Error("gtlsclient did not validate a new path");
      return `${FILE}, while the client changed its port`;
    },
  },
  {
    system: "zero-rtt",
    peer: "own",
    against: "own client",
    command: "npx vitest run src/cli/serve/replay.test.ts",
    async run(context) {
      await using server = await startOwnServer(context);
      await using link = await linkTo(server);
      // The two clients share their sessions.
      const http3 = createHttp3Connector();
      const visit = async () => {
        await using client = clientOf(server, { earlyData: true, http3 });
        const started = performance.now();
        const response = await client.fetch(`https://localhost:${link.port}/`, { signal: context.signal });
        const time = duration(performance.now() - started);
        await response.text();
        return { time, early: client.facts(response)!.stats().details["early data"] };
      };
      const first = await visit();
      const second = await visit();
      if (second.early !== "accepted") throw new Error("the early data was not accepted");
      return `a response after ${first.time} with a full handshake, after ${second.time} in 0-RTT (RTT 30 ms)`;
    },
  },
  {
    system: "zero-rtt",
    peer: "gtlsclient",
    against: "ngtcp2's gtlsclient",
    command: "gtlsclient -q --session-file=s --tp-file=t localhost 4433 https://localhost:4433/   # twice",
    async run(context) {
      await using server = await startOwnServer(context);
      const kept = ["session", "tp"].map((name) => `--${name}-file=${join(context.directory, name)}`);
      await gtlsclient(context, server, server.port, ["-q", ...kept]);
      await gtlsclient(context, server, server.port, ["-q", ...kept]);
      if (server.earlyRequests !== 1) throw new Error("no request came in 0-RTT");
      return "the second connection's request came in 0-RTT";
    },
  },
];
