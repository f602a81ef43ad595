/** A server on all addresses responds over HTTP/3 from the address that the client contacted. */
import { expect, test } from "vitest";
import { createClient } from "../client/index.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { serve } from "./serve.ts";

test.skipIf(process.platform !== "linux").each(["0.0.0.0", "::"])(
  "a server on %s can be reached over HTTP/3 at 127.0.0.2",
  async (host) => {
    await using server = await serve({ port: 0, host, ...localhostIdentity }, () => new Response("here"));
    const client = createClient({ protocols: ["h3"], rejectUnauthorized: false });
    for (const address of ["127.0.0.1", "127.0.0.2"]) {
      const response = await client.fetch(`https://${address}:${server.port}/`);
      expect(await response.text()).toBe("here");
    }
    await client.close();
  },
);
