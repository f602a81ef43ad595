/** A server of ours that sends back what comes in WebTransport sessions, as a program would be written. Its parent sends it an order. */

import { serve } from "../../src/edge/serve.ts";
import type { AcceptedWebTransport } from "../../src/host/webtransport/web-transport-request.ts";
import type { ServerReady, WebTransportServerOrder } from "../messages.ts";

async function echoStreams({ incomingBidirectionalStreams }: AcceptedWebTransport): Promise<void> {
  for await (const { readable, writable } of incomingBidirectionalStreams) {
    readable.pipeTo(writable).catch(() => undefined);
  }
}

process.on("message", async (order: WebTransportServerOrder | "heap") => {
  if (order === "heap") {
    globalThis.gc?.();
    process.send!(process.memoryUsage());
    return;
  }
  const { certFile, keyFile, engine } = order;
  const quic = { experimental: { webTransportDraft15: true } };
  const server = await serve(
    { port: 0, host: "127.0.0.1", tls: { certFile, keyFile }, engine, quic, log: () => {} },
    (_request, { webtransport }) => {
      if (webtransport === undefined) return new Response(null, { status: 404 });
      const session = webtransport.accept();
      const { readable } = session.datagrams;
      readable.pipeTo(session.datagrams.createWritable()).catch(() => undefined);
      echoStreams(session).catch(() => undefined); // the end of the session
      return session.response;
    },
  );
  process.send!({ port: server.port } satisfies ServerReady);
});

// Calls process.exit instead of dying from the signal, so that a profiler writes its results.
process.once("SIGTERM", () => process.exit(0));
process.once("disconnect", () => process.exit(0));
