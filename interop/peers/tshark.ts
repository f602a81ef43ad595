/** tshark, which decrypts our traffic with our key log. */

import { runChild } from "../child.ts";
import { debianProgram, versionOf } from "../install/debian.ts";
import type { PeerEntry } from "../peer.ts";

export const tshark: PeerEntry = {
  name: "tshark",
  about: "Wireshark's dissectors; reads captures of our server with our client",
  roles: ["server", "client"],
  async install(log) {
    const path = await debianProgram("tshark", "tshark", log);
    return {
      version: await versionOf([path, "--version"]),
      reader: {
        async http3FrameTypes(capture, keylog, port, cell) {
          const { stdout } = await runChild(
            [
              path,
              ...["-r", capture, "-o", `tls.keylog_file:${keylog}`, "-d", `udp.port==${port},quic`],
              ...["-Y", "http3.frame_type", "-T", "fields", "-e", "http3.frame_type"],
            ],
            { env: { HOME: cell.directory }, signal: cell.signal },
          );
          return new Set(stdout.split(/[\s,]+/).flatMap((type) => (type === "" ? [] : [Number(type)])));
        },
      },
    };
  },
};
