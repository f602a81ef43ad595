/** The plain HTTP port of a server, which redirects every request to https, and answers an authority's challenges. */

import { type AnswerChallenge, RedirectListener } from "../host/http/redirect-listener.ts";
import { bindAll } from "../host/listen/bind.ts";

export interface RedirectServer {
  readonly port: number;
  close(): Promise<void>;
}

export async function startRedirect(
  port: number,
  host: string,
  httpsPort: number,
  answerChallenge?: AnswerChallenge,
): Promise<RedirectServer> {
  const create = (): RedirectListener => new RedirectListener(httpsPort, answerChallenge);
  const { listeners, addresses } = await bindAll([{ transport: "tcp", create }], host, port);
  return {
    port: addresses[0]!.port,
    close: async () => {
      await Promise.all(listeners.map((listener) => listener.close()));
    },
  };
}
