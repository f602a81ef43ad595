/**
 * A host of your own: sockets shaped like `net` and `dgram` on a TCP/IP stack in TypeScript, over a TAP device, a cable or hub in memory, or any pipe of frames or packets. Experimental.
 *
 * @module nagare/experimental/netstack
 */

export {
  createCable,
  createHub,
  type FrameDirection,
  type FrameListener,
  FramePipe,
  type HubOptions,
  type LinkDevice,
  type Offload,
  PacketPipe,
  type PipeOptions,
  Tracer,
} from "../../link/index.ts";
export type { UndiciConnection } from "../client/undici-connection.ts";
export type { UndiciOptions } from "./agents.ts";
export { capture } from "./capture.ts";
export type { TcpConnectArguments, TcpConnectOptions } from "./connect-arguments.ts";
export {
  type ConnectionServer,
  createHost,
  type HostDgram,
  type HostNet,
  type HostOptions,
  type HostTcpOptions,
  NetHost,
  type PingReply,
} from "./host.ts";
export { type ImpairOptions, impair, type LinkFaults } from "./impair.ts";
export type { NameOptions } from "./names.ts";
export type { TcpSettings } from "./settings.ts";
export { type ErrorPlace, SocketError, type SocketErrorCode } from "./socket-error.ts";
export { openTapLink as openTap, TapLink, type TapLinkOptions } from "./tap-link.ts";
export { missingForTap, TapNamespace } from "./tap-namespace.ts";
export { type TcpListenArguments, type TcpListenOptions, TcpServer, type TcpServerOptions } from "./tcp-server.ts";
export { TcpSocket, type TcpSocketOptions } from "./tcp-socket.ts";
export { type UdpRemoteInfo, UdpSocketOfStack, type UdpSocketOptions } from "./udp-socket.ts";
