/** Counters of a connection. Each is increased in one place. */

import type { Transmit } from "../../base/datagrams.ts";

export class ConnectionStats {
  packetsSent = 0;
  packetsReceived = 0;
  /** Datagrams that the socket took, and those it did not, which are lost. */
  datagramsSent = 0;
  datagramsUnsent = 0;
  bytesSent = 0;
  bytesReceived = 0;
  /** Datagrams for this connection from addresses that are not one of its routes; dropped. */
  datagramsFromElsewhere = 0;
  /** The number of times the first path changed its active route. */
  migrations = 0;
  /** Datagrams dropped before decryption, because the peer caused too much work. */
  datagramsShed = 0;
  packetsLost = 0;
  packetsDuplicate = 0;
  /** Packets that could not be decrypted or parsed. */
  packetsDropped = 0;
  probeTimeouts = 0;

  /** The socket took the first `sent` datagrams of a train; the rest are lost. */
  countSent(transmit: Transmit, sent: number): void {
    this.datagramsSent += sent;
    this.datagramsUnsent += transmit.count - sent;
    this.bytesSent += sent === transmit.count ? transmit.length : sent * transmit.segmentSize;
  }
}
