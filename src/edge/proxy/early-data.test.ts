/** RFC 8470 §5: a gateway marks requests that came in 0-RTT data, and passes on a 425. */

import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { headers } from "../../h3/testing/raw-peer.ts";
import { loadIdentity } from "../../host/certificates/identity.ts";
import { openHeldHandshake } from "../../host/client/testing/held-handshake.ts";
import { localhostIdentity } from "../../host/http/testing/identities.ts";
import { startServer } from "../server.ts";
import { connectRawHttp3 } from "../testing/versions/raw-http3.ts";
import { createProxy } from "./service.ts";

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

test("a request in 0-RTT data is forwarded with Early-Data, and the origin's 425 passed on", async () => {
  const seen: unknown[] = [];
  const origin = createServer((request, response) => {
    const early = request.headers["early-data"];
    seen.push(early);
    response.writeHead(early === undefined ? 200 : 425).end();
  });
  closing.push(() => origin.close());
  await once(origin.listen(0, "127.0.0.1"), "listening");
  const proxy = await createProxy([`http://127.0.0.1:${(origin.address() as AddressInfo).port}`]);
  const options = { port: 0, host: "127.0.0.1", identities: [loadIdentity(localhostIdentity)] as const };
  const server = await startServer(options, proxy);
  closing.push(() => server.close({ timeout: 0 }));

  const first = await connectRawHttp3(server.port);
  const session = await first.session;
  first.close();
  const relay = await openHeldHandshake();
  closing.push(() => relay.close());
  relay.relayTo(server.port);
  relay.hold();
  const second = await connectRawHttp3(relay.port, { session, earlyData: true });
  closing.push(() => second.close());
  const get = headers([
    [":method", "GET"],
    [":scheme", "https"],
    [":authority", "localhost"],
    [":path", "/"],
  ]);
  expect((await second.send(get, true)).status).toBe(425);
  relay.release();
  expect((await second.send(get, true)).status).toBe(200);
  expect(seen).toEqual(["1", undefined]);
});
