/** A relay of live media that judges a token in SETUP, and a request that is no session. */

import { WebTransport } from "../../src/client/webtransport/index.ts";
import { LiveService } from "../../src/edge/live/index.ts";
import { startServer } from "../../src/edge/server.ts";
import { LiveHost } from "../../src/host/live/live-relay.ts";
import { publishTestSource } from "../../src/host/live/test-broadcast.ts";
import { ControlCodec } from "../../src/media/moq/codec.ts";
import { utf8 } from "../../src/wire/text.ts";
import { all, closers, identities, log } from "./world.ts";

const session = async (): Promise<void> => {
  const service = new LiveService({ log, authorize: () => true });
  const server = await startServer({ port: 0, host: "127.0.0.1", identities, log }, service);
  closers.push(() => server.close({ timeout: 0 }));
  const transport = new WebTransport(server.url, { protocols: ["moqt-20"], client: { rejectUnauthorized: false } });
  closers.push(() => transport.close());
  await all(transport.ready);
  if (transport.reliability === "pending") return;
  const setup = new ControlCodec(20).emit({
    type: "setup",
    options: { tokens: [{ action: "use-value", type: 0, value: utf8("token") }] },
  });
  const writer = (await transport.createUnidirectionalStream()).getWriter();
  // It stays open: the server reads a few turns later.
  await all(writer.write(setup.slice()));
};

const source = async (): Promise<void> => {
  const running = await publishTestSource(new LiveHost({}, ({ error }) => log(error.message)), "clock");
  running.stop();
};

export const LIVE_TRAFFIC = {
  "live request": { run: session },
  "live token": { run: session },
  "live test source": { run: source },
};
