// QUIC version 2: compatible negotiation between our client and server, and with ngtcp2's client.
import { createClient } from "../../client/index.ts";
import { startOwnServer } from "./own-server.ts";
import { peerPath, runPeer } from "./peer.ts";
import { NoPeer, type Row } from "./row.ts";

export const VERSION_2_ROWS: readonly Row[] = [
  {
    system: "quic-v2",
    peer: "own",
    against: "own client",
    command: "nagare serve . --quic-versions v2,v1; nagare get -k --http3-only -v https://localhost:4433/",
    async run(context) {
      await using server = await startOwnServer(context, { quic: { versions: ["v2", "v1"] } });
      await using client = createClient({ protocols: ["h3"], ca: server.identity.cert });
      const response = await client.fetch(server.url, { signal: context.signal });
      await response.text();
      const { quic } = client.facts(response)!.stats().details;
      if (quic !== "version 2") throw new Error(`the connection uses ${quic}`);
      return "version 1, converted to version 2 by the server";
    },
  },
  {
    system: "quic-v2",
    peer: "gtlsclient",
    against: "ngtcp2's gtlsclient",
    command: "gtlsclient --version=v2 --exit-on-all-streams-close localhost 4433 https://localhost:4433/",
    async run(context) {
      const gtlsclient = await peerPath(context, "gtlsclient");
      const { stdout } = await runPeer(context, gtlsclient, ["--help"]);
      if (!/"v2"\s+indicates/.test(stdout)) throw new NoPeer("this gtlsclient only knows a draft of version 2");
      await using server = await startOwnServer(context);
      const target = ["127.0.0.1", String(server.port), server.url];
      const options = ["--version=v2", "--exit-on-all-streams-close", "--timeout=5s"];
      const seen = await runPeer(context, gtlsclient, [...options, ...target]);
      if (!/negotiated version is 0x6b3343cf/.test(seen.stdout + seen.stderr)) {
        throw new Error("gtlsclient did not use version 2");
      }
      return "negotiated 0x6b3343cf";
    },
  },
];
