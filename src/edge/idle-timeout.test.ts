import { expect, test } from "vitest";
import { millis } from "../base/time.ts";
import { createClient } from "../client/index.ts";
import { createHttp3Connector } from "../host/client/h3-connector.ts";
import { systemEnvironment } from "../host/quic/environment.ts";
import { serve } from "./index.ts";

test("both sides announce quic.idleTimeout (RFC 9000 §18.2)", async () => {
  const announced = new Map<string, unknown>();
  const trace = () => (event: { readonly type: string }) => {
    if (event.type !== "quic:parameters-set") return;
    const { initiator, parameters } = event as unknown as {
      readonly initiator: string;
      readonly parameters: { readonly maxIdleTimeout: unknown };
    };
    announced.set(initiator, parameters.maxIdleTimeout);
  };
  const options = { port: 0, host: "127.0.0.1", quic: { idleTimeout: 45_000 } };
  await using server = await serve(options, () => new Response("here"));
  const http3 = createHttp3Connector({ ...systemEnvironment, trace }, { idleTimeout: 12_000 });
  await using client = createClient({ protocols: ["h3"], rejectUnauthorized: false, http3 });
  expect(await (await client.fetch(server.url)).text()).toBe("here");
  expect(announced).toEqual(
    new Map([
      ["local", millis(12_000)],
      ["remote", millis(45_000)],
    ]),
  );
});
