/** Serves on sockets that systemd has opened, in place of binding addresses. */

import type { EngineChoice } from "../engine/choice.ts";
import { chooseEngine } from "../engine/engine.ts";
import type { Bindable, BoundAddress } from "../http/listener.ts";
import { type QuicEnvironment, systemEnvironmentWith } from "../quic/environment.ts";
import type { TraceConnection } from "../quic/tracing.ts";
import type { ActivatedSocket } from "../system/activation.ts";
import type { Binding, Bound } from "./bind.ts";
import { ServeError } from "./errors.ts";

/** The name of the socket for plain HTTP, which redirects to https. */
export const HTTP_SOCKET = "http";

export class ActivatedSockets {
  readonly #sockets: readonly ActivatedSocket[];

  constructor(sockets: readonly ActivatedSocket[]) {
    this.#sockets = sockets;
  }

  /** The descriptor of the socket for plain HTTP. */
  get http(): number | undefined {
    return this.#sockets.find(({ name, transport }) => name === HTTP_SOCKET && transport === "tcp")?.descriptor;
  }

  has(transport: "tcp" | "udp"): boolean {
    return this.#of(transport).length > 0;
  }

  #of(transport: "tcp" | "udp"): readonly ActivatedSocket[] {
    return this.#sockets.filter((socket) => socket.transport === transport && socket.name !== HTTP_SOCKET);
  }

  /** HTTP/3 on the UDP sockets, one after the other. */
  environment(engine: EngineChoice, trace: TraceConnection | undefined): QuicEnvironment {
    const left = [...this.#of("udp")];
    return {
      ...systemEnvironmentWith(engine, trace),
      bind: async () => {
        const next = left.shift();
        if (next === undefined) throw new Error("systemd has passed on no further UDP socket");
        return (await chooseEngine(engine)).udp.adopt(next.descriptor, next.family);
      },
    };
  }

  /** Each listener takes all sockets of its kind. */
  async bind<Socket extends Bindable>(bindings: readonly Binding<Socket>[]): Promise<Bound<Socket>> {
    const listeners: Socket[] = [];
    const addresses: BoundAddress[] = [];
    try {
      for (const { transport, create } of bindings) {
        const listener = create();
        listeners.push(listener);
        for (const { descriptor, family } of this.#of(transport)) {
          addresses.push(await listener.listen(0, family === 6 ? "::" : "0.0.0.0", descriptor));
        }
      }
    } catch (cause) {
      await Promise.all(listeners.map((listener) => listener.close(0)));
      throw new ServeError("LISTEN_FAILED", `cannot serve on a socket of systemd: ${(cause as Error).message}`, {
        cause,
      });
    }
    return { listeners, addresses };
  }
}
