/** Statistics of a QUIC connection by name, in units for people. */

import type { SocketAddress } from "../../base/datagrams.ts";
import { toMillis } from "../../base/time.ts";
import type { Connection } from "../../quic/index.ts";
import type { PeerAddress } from "../http/exchange.ts";
import { peerAddressFrom } from "../http/tcp-connection.ts";

export const peerAddress = (address: SocketAddress): PeerAddress => peerAddressFrom(address.host, address.port);

export function connectionStats(connection: Connection): Readonly<Record<string, number | string>> {
  const { stats, route, handshakeFacts } = connection;
  const { rtt, controller, mtu, ecn } = route;
  return {
    rtt: toMillis(rtt.smoothed),
    minRtt: toMillis(rtt.min),
    handshake: handshakeFacts === undefined ? 0 : toMillis(handshakeFacts.duration),
    packetsSent: stats.packetsSent,
    packetsReceived: stats.packetsReceived,
    packetsLost: stats.packetsLost,
    bytesSent: stats.bytesSent,
    bytesReceived: stats.bytesReceived,
    congestionWindow: controller.congestionWindow,
    bytesInFlight: controller.bytesInFlight,
    datagramSize: mtu.current,
    ecn: ecn.state,
    cipherSuite: handshakeFacts?.cipherSuite ?? "",
    group: handshakeFacts?.group ?? "",
    retry: handshakeFacts?.usedRetry === true ? "yes" : "no",
    resumed: handshakeFacts?.resumed === true ? "yes" : "no",
    earlyData: handshakeFacts?.acceptedEarlyData === true ? "yes" : "no",
  };
}
