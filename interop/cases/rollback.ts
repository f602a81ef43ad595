/** Disables HTTP/3: a browser that learned of it from Alt-Svc forgets it after `Alt-Svc: clear` (RFC 7838 §3). */

import type { Case } from "../case.ts";
import { startOwnServer } from "../own-server.ts";

/** Chromium loads the first pages over HTTP/2, until its first QUIC connection is established. */
const VISITS_TO_LEARN = 30;

export const rollback: Case = {
  name: "rollback",
  shows:
    "a browser learns of HTTP/3 from `Alt-Svc`; the server restarts without it and with `Alt-Svc: clear`; the page loads over HTTP/2 immediately, and the browser remembers no alternative (RFC 7838 §3)",
  roles: ["server"],
  isOursOnly: true,
  unsupported: ({ peer }) => (peer.client?.browse === undefined ? "the peer is no browser" : undefined),
  async run({ peer }, cell) {
    const before = await startOwnServer(cell);
    const { page } = cell.site;
    let learned = "";
    let visits = 0;
    const remembering = await peer.client!.browse!(before.port, cell, async (visit) => {
      try {
        let protocol = "";
        while (protocol !== "h3" && visits < VISITS_TO_LEARN) {
          visits += 1;
          learned = `${page}?learn=${visits}`;
          protocol = await visit(learned);
        }
        if (protocol !== "h3") throw new Error(`${visits} loads, all over ${protocol}: Alt-Svc was not followed`);
      } finally {
        await before[Symbol.asyncDispose]();
      }
      await using _after = await startOwnServer(cell, { port: before.port, withoutHttp3: true });
      for (const path of [`${page}?back=1`, `${page}?back=2`]) {
        const protocol = await visit(path);
        if (protocol !== "h2") throw new Error(`${path} over ${protocol} after the server went back, not h2`);
      }
    });
    if (!remembering.has(learned)) throw new Error("h3 was used, but not from an alternative service");
    if (!remembering.has(`${page}?back=1`)) throw new Error("it was forgotten before the server sent clear");
    if (remembering.has(`${page}?back=2`)) throw new Error("the alternative service is still remembered after clear");
    return `h3 by Alt-Svc at load ${visits}; after a restart without HTTP/3, h2 at once, and nothing remembered`;
  },
};
