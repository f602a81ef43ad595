/** What a connection can be asked about itself. Counters only; each is raised in one place. */

export class ConnectionStats {
  packetsSent = 0;
  packetsReceived = 0;
  bytesSent = 0;
  bytesReceived = 0;
  packetsLost = 0;
  packetsDuplicate = 0;
  /** Packets that could not be decrypted or parsed. */
  packetsDropped = 0;
  probeTimeouts = 0;
}
