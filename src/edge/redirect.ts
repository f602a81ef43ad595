/** The plain HTTP port of a server, which redirects every request to https, and answers an authority's challenges. */

import { type AnswerChallenge, RedirectListener } from "../host/http/redirect-listener.ts";
import { bindAll } from "../host/listen/bind.ts";

export interface RedirectServer {
  readonly port: number;
  close(): Promise<void>;
}

/** On a socket that is open already, if there is a descriptor. */
export async function startRedirect(
  port: number,
  host: string,
  httpsPort: number,
  answerChallenge?: AnswerChallenge,
  descriptor?: number,
): Promise<RedirectServer> {
  if (descriptor !== undefined) {
    const listener = new RedirectListener(httpsPort, answerChallenge);
    const address = await listener.listen(port, host, descriptor);
    return { port: address.port, close: () => listener.close() };
  }
  const create = (): RedirectListener => new RedirectListener(httpsPort, answerChallenge);
  const { listeners, addresses } = await bindAll([{ transport: "tcp", create }], host, port);
  return {
    port: addresses[0]!.port,
    close: async () => {
      await Promise.all(listeners.map((listener) => listener.close()));
    },
  };
}
