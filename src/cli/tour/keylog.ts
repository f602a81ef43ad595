// SSLKEYLOGFILE: tshark decrypts our traffic, down to HTTP/3 frames, with only a capture and our key log.
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "../../client/index.ts";
import { captureRelay } from "../../host/udp/capturing-relay.ts";
import { startOwnServer } from "./own-server.ts";
import { peerPath, runPeer } from "./peer.ts";
import type { Row } from "./row.ts";

export const KEYLOG_ROWS: readonly Row[] = [
  {
    system: "keylog",
    peer: "tshark",
    against: "tshark",
    command:
      "nagare get -k --keylog keys --http3-only https://localhost:4433/; tshark -r capture -o tls.keylog_file:keys",
    async run(context) {
      const tshark = await peerPath(context, "tshark");
      const keys = join(context.directory, "keys");
      const capture = join(context.directory, "capture.pcap");
      await using server = await startOwnServer(context);
      {
        await using relay = await captureRelay(server.port, capture);
        await using client = createClient({
          protocols: ["h3"],
          ca: server.identity.cert,
          keylog: (line) => appendFileSync(keys, `${line}\n`, { mode: 0o600 }),
        });
        const response = await client.fetch(`https://localhost:${relay.port}/`, { signal: context.signal });
        await response.text();
        await client.close();
      }
      const decode = ["-o", `tls.keylog_file:${keys}`, "-d", `udp.port==${server.port},quic`];
      const fields = ["-Y", "http3.frame_type", "-T", "fields", "-e", "http3.frame_type"];
      const { stdout } = await runPeer(context, tshark, ["-r", capture, ...decode, ...fields]);
      const types = new Set(
        stdout
          .split(/[\s,]+/)
          .filter((each) => each !== "")
          .map(Number),
      );
      // RFC 9114 §7.2: every exchange with content has HEADERS, DATA and SETTINGS frames.
      for (const [name, type] of [
        ["DATA", 0],
        ["HEADERS", 1],
        ["SETTINGS", 4],
      ] as const) {
        if (!types.has(type)) throw new Error(`tshark saw no ${name} frame`);
      }
      return "DATA, HEADERS and SETTINGS frames decrypted";
    },
  },
];
