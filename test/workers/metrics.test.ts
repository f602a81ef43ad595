/** The metrics of a server with workers: one text, in the supervisor. */

import { afterAll, expect, test } from "vitest";
import { createClient } from "../../src/client/index.ts";
import { localhostIdentity } from "../../src/host/http/testing/identities.ts";
import { Program, removeProgram } from "./program-process.ts";

afterAll(removeProgram);

test("are those of all workers, and no count is lost in a reload", async () => {
  const program = await Program.start({ metrics: true, workers: 1, drainTimeout: 0 });
  const client = createClient({
    ca: String(localhostIdentity.cert),
    resolve: () => ["127.0.0.1"],
    protocols: ["h2", "http/1.1"],
  });
  try {
    const { metricsUrl } = await program.run("facts");
    const requests = async (): Promise<number> => {
      const text = await (await fetch(metricsUrl!)).text();
      expect(text).toMatch(/^nagare_process_resident_memory_bytes \d{8,}$/m);
      return Number(/^nagare_http_requests_total{site="localhost",protocol="h2",status="2xx"} (\d+)$/m.exec(text)?.[1]);
    };
    const ask = async (): Promise<void> => {
      await (await client.fetch(program.url)).text();
    };
    for (let i = 0; i < 3; i += 1) await ask();
    expect(await requests()).toBe(3);
    await program.run("reload");
    for (let i = 0; i < 2; i += 1) await ask();
    expect(await requests()).toBe(5);
  } finally {
    await client.close();
    await program.close();
  }
}, 60_000);
