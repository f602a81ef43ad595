import { afterEach, describe, expect, test } from "vitest";
import { createClient } from "../../client/index.ts";
import { serve } from "../../edge/serve.ts";
import { testCertificate } from "../../host/client/testing/servers.ts";
import { connectToFrom } from "./connect-to.ts";

test("empty parts mean any and unchanged, and the first entry that fits counts", () => {
  const to = connectToFrom(["a.test:443:[::1]:8443", ":80:b.test:", "C.test::d.test:1"])!;
  expect(to("A.test", 443)).toEqual({ host: "::1", port: 8443 });
  expect(to("x.test", 80)).toEqual({ host: "b.test", port: 80 });
  expect(to("c.test", 9)).toEqual({ host: "d.test", port: 1 });
  expect(to("x.test", 443)).toBeUndefined();
  expect(connectToFrom([])).toBeUndefined();
});

test.each(["", "a", "a:1", "a:1:b", "a:1:b:0", "a:1:b:65536", "a:x:b:1", "::1:1:b:1", "a:1:b:1:2"])(
  "%j is refused",
  (entry) => {
    expect(() => connectToFrom([entry])).toThrow("--connect-to takes HOST1:PORT1:HOST2:PORT2");
  },
);

describe.each(["h3", "h2", "http/1.1"] as const)("over %s", (protocol) => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  test("the certificate and the request are those of the URL", async () => {
    const { authority } = testCertificate();
    const issued = authority.issue({ names: ["far.test"] });
    const server = await serve(
      { port: 0, host: "127.0.0.1", ...issued, log: () => {} },
      ({ url }) => new Response(url),
    );
    closing.push(() => server.close({ timeout: 0 }));
    const connectTo = connectToFrom([`far.test:443:127.0.0.1:${server.port}`]);
    const client = createClient({ ca: authority.ca, protocols: [protocol], connectTo });
    closing.push(() => client.destroy());
    const response = await client.fetch("https://far.test/x");
    expect(await response.text()).toBe("https://far.test/x");
    expect(client.facts(response)!.remotePort).toBe(server.port);
  });
});
