/** A page in a browser: navigation and subresources, all over HTTP/3 according to the browser. */

import type { Case } from "../case.ts";
import { startOwnServer } from "../own-server.ts";

export const page: Case = {
  name: "page",
  shows: "navigation and eight subresources; the browser reports `nextHopProtocol` `h3` for each",
  roles: ["server"],
  isOursOnly: true,
  unsupported: ({ peer }) => (peer.client?.loadPage === undefined ? "the peer is not a browser" : undefined),
  async run({ peer }, cell) {
    await using server = await startOwnServer(cell);
    const protocols = await peer.client!.loadPage!(server.port, cell);
    const expected = 1 + cell.site.subresources;
    if (protocols.length !== expected) throw new Error(`${protocols.length} loads instead of ${expected}`);
    const others = protocols.filter((protocol) => protocol !== "h3");
    if (others.length > 0) throw new Error(`nextHopProtocol ${others.join(", ")} instead of h3`);
    return `nextHopProtocol h3 for the navigation and ${cell.site.subresources} subresources`;
  },
};
