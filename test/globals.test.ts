// Importing the package, serving and fetching leave every global unchanged.
import { expect, test } from "vitest";
import { testCertificate } from "../src/host/client/testing/servers.ts";

/** Reading each global makes Node load the lazy ones. */
function globals(): Map<string, unknown> {
  const names = Object.getOwnPropertyNames(globalThis).filter((name) => name !== "localStorage");
  return new Map(names.map((name) => [name, (globalThis as Record<string, unknown>)[name]]));
}

test.each([false, true])("no global is added or replaced (nativeRequest: %s)", async (nativeRequest) => {
  const before = globals();
  const { serve } = await import("nagare");
  const { createClient } = await import("nagare/client");
  const { authority, issued } = testCertificate();
  await using server = await serve({ port: 0, host: "127.0.0.1", tls: issued, nativeRequest }, async (request) => {
    const other = new Request(request.url, request as RequestInit);
    return new Response(await other.text());
  });
  for (const protocol of ["h3", "h2", "http/1.1"] as const) {
    await using client = createClient({ protocols: [protocol], ca: authority.ca });
    const response = await client.fetch(`https://127.0.0.1:${server.port}/`, { method: "POST", body: "hello" });
    expect([response.status, await response.text()]).toEqual([200, "hello"]);
  }
  const after = globals();
  expect([...after.keys()].filter((name) => !before.has(name))).toEqual([]);
  expect([...before.keys()].filter((name) => !Object.is(before.get(name), after.get(name)))).toEqual([]);
});
