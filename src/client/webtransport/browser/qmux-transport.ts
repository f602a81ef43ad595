/** A session over the browser's own WebSocket. */

import { sessionError } from "../../../host/webtransport/error.ts";
import { QmuxDriver } from "../../../host/webtransport/qmux-driver.ts";
import { WebTransportSession } from "../../../host/webtransport/web-transport-session.ts";
import { offerOf, parseSubprotocol } from "../../../webtransport/qmux/index.ts";
import { pageClock } from "./clock.ts";
import { PageSocket, type PageWebSocket } from "./page-socket.ts";

export class QmuxTransport extends WebTransportSession {
  readonly #socket: PageWebSocket;

  constructor(url: URL, protocols: readonly string[]) {
    super();
    const address = new URL(url);
    address.protocol = "wss:";
    const { WebSocket } = globalThis as unknown as {
      readonly WebSocket: new (url: string, protocols: string[]) => PageWebSocket;
    };
    const socket = new WebSocket(address.href, [...offerOf(protocols)]);
    this.#socket = socket;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#begin(url);
    socket.onclose = () => this.fail(sessionError("the WebSocket could not be opened"));
  }

  /** Ends a session that is not ready too. */
  override fail(error: ReturnType<typeof sessionError>): void {
    super.fail(error);
    this.#socket?.close();
  }

  #begin(url: URL): void {
    const chosen = parseSubprotocol(this.#socket.protocol);
    if (chosen === undefined) {
      this.fail(sessionError("the server does not speak QMux"));
      return;
    }
    const onFault = ({ error }: { readonly error: Error }): void => this.fail(sessionError(error.message));
    new QmuxDriver(new PageSocket(this.#socket), {
      role: "client",
      version: chosen.version,
      clock: pageClock,
      onFault,
      onReady: (session) =>
        this.begin(session, {
          about: { role: "client", url: url.href, origin: null, carrier: "websocket", version: chosen.version },
          clock: pageClock,
          onFault,
          protocol: chosen.protocol,
          reliability: "reliable-only",
          rtt: () => ({ smoothed: undefined, min: undefined }),
        }),
      onFailure: (reason) => this.fail(sessionError(reason.message)),
    });
  }
}
