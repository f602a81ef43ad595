/** Both ends of WebTransport sessions with our server and client. */

import { WebTransport, WebTransportError } from "../../src/client/webtransport/index.ts";
import { serve } from "../../src/edge/serve.ts";
import { HOST } from "../certificates.ts";
import { LOOPBACK } from "../loopback.ts";
import type { EndedSession, Peer } from "../peer.ts";
import { exercise, SUBPROTOCOLS } from "./exercise.ts";

const [, CHOSEN] = SUBPROTOCOLS;
const errorWith = (streamErrorCode: number) => new WebTransportError("", { streamErrorCode });

export const ownSessions: NonNullable<Peer["webTransport"]> = {
  client: {
    async open(port, closer, { identity: { ca } }) {
      const session = new WebTransport(`https://${HOST}:${port}/${closer}`, {
        protocols: SUBPROTOCOLS,
        client: { ca, resolve: () => [LOOPBACK] },
      });
      await session.ready;
      const end = await exercise(session, errorWith, closer === "client-closes");
      return { protocol: session.protocol, ...end };
    },
  },
  server: {
    async start({ certFile, keyFile, announcesDraft15, withoutUdp }) {
      const waiting: ((ended: Promise<EndedSession>) => void)[] = [];
      const tls = { certFile, keyFile };
      const quic = { experimental: { webTransportDraft15: announcesDraft15 } };
      const options = { port: 0, host: LOOPBACK, tls, quic, log: () => {} };
      const protocols = withoutUdp && { protocols: ["h2", "http/1.1"] as const };
      const server = await serve({ ...options, ...protocols }, (request, { webtransport }) => {
        if (webtransport === undefined)
          return new Response("<!doctype html>", { headers: { "content-type": "text/html" } });
        const protocol = webtransport.protocols.includes(CHOSEN) ? CHOSEN : undefined;
        const session = webtransport.accept({ protocol });
        const ended = exercise(session, errorWith, new URL(request.url).pathname === "/server-closes").then((end) => ({
          protocol: session.protocol,
          ...end,
        }));
        ended.catch(() => undefined);
        waiting.shift()?.(ended);
        return session.response;
      });
      return {
        port: server.port,
        ended: () => new Promise((resolve) => waiting.push(resolve)),
        [Symbol.asyncDispose]: () => server.close({ timeout: 0 }),
      };
    },
  },
};
