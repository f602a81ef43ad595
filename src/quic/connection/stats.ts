/** What a connection can be asked about itself. Counters only; each is raised in one place. */

export class ConnectionStats {
  packetsSent = 0;
  packetsReceived = 0;
  /** What the socket took, and what it did not: the latter is lost. */
  datagramsSent = 0;
  datagramsUnsent = 0;
  bytesSent = 0;
  bytesReceived = 0;
  /** Datagrams for this connection from addresses that are none of its routes; dropped. */
  datagramsFromElsewhere = 0;
  packetsLost = 0;
  packetsDuplicate = 0;
  /** Packets that could not be decrypted or parsed. */
  packetsDropped = 0;
  probeTimeouts = 0;
}
