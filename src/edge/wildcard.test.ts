/** A server on all addresses is reached over HTTP/3 at each of them: answers leave from the address that was asked (case 07). */
import { expect, test } from "vitest";
import { createClient } from "../client/index.ts";
import { localhostIdentity } from "../host/http/testing/identities.ts";
import { serve } from "./serve.ts";

test.skipIf(process.platform !== "linux").each(["0.0.0.0", "::"])(
  "a server at %s answers over HTTP/3 from 127.0.0.2 where that was asked",
  async (host) => {
    await using server = await serve({ port: 0, host, ...localhostIdentity }, () => new Response("here"));
    const client = createClient({ protocols: ["h3"], rejectUnauthorized: false });
    for (const asked of ["127.0.0.1", "127.0.0.2"]) {
      const response = await client.fetch(`https://${asked}:${server.port}/`);
      expect(await response.text()).toBe("here");
    }
    await client.close();
  },
);
