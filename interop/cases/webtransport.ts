/** WebTransport sessions: everything that `webtransport/exercise.ts` describes, closed by the client and by the server. */

import type { Case } from "../case.ts";
import type { Closer, EndedSession } from "../peer.ts";
import { FAREWELL } from "../webtransport/exercise.ts";

const CLOSERS: readonly Closer[] = ["client-closes", "server-closes"];

export const webTransport: Case = {
  name: "webtransport",
  shows:
    "WebTransport: streams of both kinds opened by either side, datagrams, a reset and a stop with codes, both ways; sessions closed with a code and reason by the client, and by the server",
  roles: ["server", "client"],
  unsupported({ side, peer, role }) {
    if (peer.webTransport === undefined) return "the peer has no WebTransport";
    if (side.webTransport === undefined) return "our side has no WebTransport";
    const serving = role === "server" ? side : peer;
    return serving.webTransport!.server === undefined ? "the server has no WebTransport" : undefined;
  },
  async run({ side, peer, role }, cell) {
    const [ours, theirs] = [side.webTransport!, peer.webTransport!];
    const [client, server] = role === "server" ? [theirs.client, ours.server!] : [ours.client, theirs.server!];
    const { certFile, keyFile } = cell.identity;
    const { needsDraft15: announcesDraft15, withoutUdp } = client;
    const settings = { ...(announcesDraft15 && { announcesDraft15 }), ...(withoutUdp && { withoutUdp }) };
    await using running = await server.start({ certFile, keyFile, ...settings }, cell);
    const protocols = new Set<string>();
    const theirsCloses = role === "server" ? "client-closes" : "server-closes";
    const { cannotClose } = theirs;
    for (const closer of CLOSERS) {
      if (closer === theirsCloses && cannotClose !== undefined) continue;
      const ends = await Promise.all([client.open(running.port, closer, cell), running.ended()]).catch(
        (error: Error) => {
          throw new Error(`${closer}: ${error.message}`, { cause: error });
        },
      );
      for (const [i, end] of ends.entries()) check(end, `${closer}, as the ${["client", "server"][i]} says`);
      for (const { protocol } of ends) protocols.add(protocol);
    }
    if (protocols.size > 1) throw new Error(`the sides differ in the subprotocol: ${[...protocols].join(" and ")}`);
    const [protocol] = protocols;
    const subprotocol = protocol === "" ? "no subprotocol" : `subprotocol ${protocol}`;
    const remark = client.needsDraft15 === undefined ? "" : ", draft 15";
    const closers = cannotClose === undefined ? "each side" : `our side (${cannotClose})`;
    return `streams, datagrams, reset and stop both ways, closed by ${closers} with ${FAREWELL.closeCode}, ${subprotocol}${remark}`;
  },
};

function check({ closeCode, reason }: EndedSession, session: string): void {
  if (closeCode === FAREWELL.closeCode && reason === FAREWELL.reason) return;
  throw new Error(`the session (${session}) ended with ${closeCode} "${reason}"`);
}
