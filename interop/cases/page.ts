/** A page in a browser: navigation and sub-resources, each over HTTP/3 by the browser's own account. */

import type { Case } from "../case.ts";
import { startOwnServer } from "../own-server.ts";

export const page: Case = {
  name: "page",
  roles: ["server"],
  unsupported: (peer) => (peer.client?.loadPage === undefined ? "the peer is no browser" : undefined),
  async run(peer, _role, cell) {
    await using server = await startOwnServer(cell);
    const protocols = await peer.client!.loadPage!(server.port, cell);
    const expected = 1 + cell.site.subresources;
    if (protocols.length !== expected) throw new Error(`${protocols.length} loads, not ${expected}`);
    const others = protocols.filter((protocol) => protocol !== "h3");
    if (others.length > 0) throw new Error(`nextHopProtocol ${others.join(", ")}, not h3`);
    return `nextHopProtocol h3 for the navigation and ${cell.site.subresources} sub-resources`;
  },
};
