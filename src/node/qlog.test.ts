/** `createServer({ qlog })`. */

import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createClient } from "../client/index.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { createServer } from "./index.ts";

test("connections are recorded, and the files are complete when the server has closed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "nagare-qlog-"));
  try {
    const server = createServer({ ...localhostIdentity, qlog: folder }, (_, res) => res.end("hello"));
    // A second run of the same server records too.
    for (let run = 1; run <= 2; run += 1) {
      await once(server.listen(0, "127.0.0.1"), "listening");
      const client = createClient({ protocols: ["h3"], ca: localhostIdentity.cert, resolve: () => ["127.0.0.1"] });
      const response = await client.fetch(`https://localhost:${server.address()!.port}/`);
      expect(await response.text()).toBe("hello");
      await client.close();
      await once(server.close(), "close");
      const names = readdirSync(folder);
      expect(names).toHaveLength(run);
      for (const name of names) expect(readFileSync(join(folder, name), "utf8")).toContain('"new":"closed"');
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("unusable options are refused", () => {
  expect(() => createServer({ ...localhostIdentity, qlog: "" })).toThrow("qlog takes a folder");
});
