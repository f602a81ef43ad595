/** The engine on the kernel's own calls: Linux, through a foreign-function interface. */

import type { ForeignFunctions } from "../../../base/foreign.ts";
import { FULL_SEND_ARENA, type UdpEngine } from "../udp-socket.ts";
import { FastSocket } from "./fast-socket.ts";
import { openGroup } from "./group.ts";
import { probe } from "./probe.ts";
import { FastUdp, type OpenOptions } from "./udp.ts";

export interface FastUdpEngine extends UdpEngine {
  bind(port: number, host: string, sendArenaSize?: number, options?: OpenOptions): Promise<FastSocket>;
}

/** Probes the kernel. Throws if the sockets do not work. */
export function createFastUdp(ffi: ForeignFunctions): FastUdpEngine {
  const udp = new FastUdp(ffi);
  udp.capabilities = probe(udp);
  return {
    name: "fast",
    capabilities: udp.capabilities,
    async bind(port, host, sendArenaSize = FULL_SEND_ARENA, options = {}) {
      const opened = udp.open({ family: host.includes(":") ? 6 : 4, host, port }, options);
      return new FastSocket(udp, opened, sendArenaSize);
    },
    adopt: async (descriptor) => new FastSocket(udp, udp.adopt(descriptor), FULL_SEND_ARENA),
    groups: {
      open: (address, count, program) => openGroup(udp, address, count, program),
      adopt: (descriptor) =>
        new FastSocket(udp, { descriptor, address: udp.localAddress(descriptor) }, FULL_SEND_ARENA),
    },
    async connect(peer, sendArenaSize, local = peer.family === 6 ? "::" : "0.0.0.0") {
      const { descriptor } = udp.open({ family: peer.family, host: local, port: 0 });
      try {
        udp.connect(descriptor, peer);
        return new FastSocket(udp, { descriptor, address: udp.localAddress(descriptor) }, sendArenaSize, peer);
      } catch (error) {
        udp.libc.close(descriptor);
        throw error;
      }
    },
  };
}
