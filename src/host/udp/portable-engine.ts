/** The engine on node:dgram, so available on every Node. */

import { bindEveryAddress, bindEverySharedAddress } from "./every-address.ts";
import {
  adoptPortableSocket,
  bindPortableSocket,
  bindSharedSocket,
  connectPortableSocket,
  hasReusePort,
} from "./portable-socket.ts";
import { NO_CAPABILITIES, type UdpEngine } from "./udp-socket.ts";

export const portableUdp: UdpEngine = {
  name: "portable",
  capabilities: NO_CAPABILITIES,
  bind: (port, host, sendArenaSize) =>
    host === "::" || host === "0.0.0.0" ? bindEveryAddress(port, host) : bindPortableSocket(port, host, sendArenaSize),
  adopt: adoptPortableSocket,
  connect: connectPortableSocket,
  shared: {
    spreads: hasReusePort,
    bind: (port, host) =>
      host === "::" || host === "0.0.0.0" ? bindEverySharedAddress(port, host) : bindSharedSocket(port, host),
  },
};
