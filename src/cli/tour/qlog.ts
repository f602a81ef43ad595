// qlog: what our client records is what tshark sees in the decrypted capture of the same connection, frame by frame.
import { appendFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "../../client/index.ts";
import { captureRelay } from "../../host/udp/capturing-relay.ts";
import { frameRow } from "../../quic/frame/index.ts";
import { startOwnServer } from "./own-server.ts";
import { peerPath, runPeer } from "./peer.ts";
import type { Row } from "./row.ts";

/** Names of frames in the order sent. */
interface Directions {
  readonly sent: string[];
  readonly received: string[];
}

/** From a recording in the dialect "rfc". */
function recordedFrames(file: string): Directions {
  const found: Directions = { sent: [], received: [] };
  for (const text of file.split("\u001e").slice(2)) {
    const { name, data } = JSON.parse(text);
    const direction = { "quic:packet_sent": "sent", "quic:packet_received": "received" }[name as string];
    if (direction === undefined) continue;
    found[direction as keyof Directions].push(...data.frames.map((frame: { frame_type: string }) => frame.frame_type));
  }
  return found;
}

/** From tshark's lines: source port, tab, frame types separated by commas. */
function capturedFrames(lines: string, serverPort: number): Directions {
  const found: Directions = { sent: [], received: [] };
  for (const line of lines.trimEnd().split("\n")) {
    const [port, types = ""] = line.split("\t");
    const into = Number(port) === serverPort ? found.received : found.sent;
    for (const type of types.split(",").filter((each) => each !== "")) {
      into.push(frameRow(Number(type))?.type.replaceAll("-", "_") ?? `type ${type}`);
    }
  }
  return found;
}

export const QLOG_ROWS: readonly Row[] = [
  {
    system: "qlog",
    peer: "tshark",
    against: "tshark",
    command:
      "nagare get -k --qlog recordings --keylog keys --http3-only https://localhost:4433/; tshark -r capture -o tls.keylog_file:keys",
    async run(context) {
      const tshark = await peerPath(context, "tshark");
      const [keys, capture, recordings] = ["keys", "capture.pcap", "recordings"].map((name) =>
        join(context.directory, name),
      ) as [string, string, string];
      await using server = await startOwnServer(context);
      {
        await using relay = await captureRelay(server.port, capture);
        await using client = createClient({
          protocols: ["h3"],
          ca: server.identity.cert,
          resolve: () => ["127.0.0.1"],
          keylog: (line) => appendFileSync(keys, `${line}\n`, { mode: 0o600 }),
          qlog: recordings,
        });
        const response = await client.fetch(`https://localhost:${relay.port}/file`, { signal: context.signal });
        await response.arrayBuffer();
        await client.close();
      }
      const [name] = await readdir(recordings);
      const recorded = recordedFrames(await readFile(join(recordings, name!), "utf8"));
      const decode = ["-o", `tls.keylog_file:${keys}`, "-d", `udp.port==${server.port},quic`];
      const fields = ["-T", "fields", "-e", "udp.srcport", "-e", "quic.frame_type"];
      const { stdout } = await runPeer(context, tshark, ["-r", capture, ...decode, ...fields]);
      const captured = capturedFrames(stdout, server.port);
      const { sent, received } = recorded;
      compare("sent", sent, captured.sent);
      // RFC 9000 §10.2: what crossed the CONNECTION_CLOSE is discarded, so that only the capture has it.
      compare("received", received, captured.received.slice(0, received.length));
      return `${sent.length} frames sent and ${received.length} received: recorded as tshark sees them`;
    },
  },
];

function compare(direction: string, recorded: readonly string[], captured: readonly string[]): void {
  const at = recorded.findIndex((name, i) => name !== captured[i]);
  if (at < 0 && recorded.length === captured.length) return;
  const where = at < 0 ? recorded.length : at;
  throw new Error(
    `frame ${where} ${direction} is ${recorded[where]} in the recording, and ${captured[where]} to tshark`,
  );
}
