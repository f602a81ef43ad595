import { once } from "node:events";
import { connect } from "node:http2";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test, vi } from "vitest";
import { loadIdentity } from "../certificates/identity.ts";
import { TcpListener } from "./tcp-listener.ts";
import { localhostIdentity } from "./testing/identities.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

test("a closed HTTP/2 session is freed, and does not wait for its idle timer", async () => {
  const sessions: WeakRef<object>[] = [];
  const listener = new TcpListener({
    identities: [loadIdentity(localhostIdentity)],
    onExchange: (exchange) => exchange.respond(204, [], { endStream: true }),
    onSession: (session) => sessions.push(new WeakRef(session)),
  });
  const { port } = await listener.listen(0, "127.0.0.1");
  for (const end of ["close", "destroy"] as const) {
    const client = connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    await once(client.request({ ":path": "/" }).resume(), "close");
    client[end]();
    await once(client, "close");
  }
  expect(sessions).toHaveLength(2);
  await vi.waitFor(
    () => {
      collect();
      expect(sessions.filter((each) => each.deref() !== undefined).length).toBe(0);
    },
    { timeout: 10_000 },
  );
  await listener.close(0);
});
