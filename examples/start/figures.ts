// The figures of a QUIC connection at one moment: the page's own, or our client's if the page was loaded over TCP.
import type { Context } from "nagare";
import type { Client } from "nagare/client";

export interface Figures {
  /** The owner of the connection. */
  readonly whose: "page" | "client";
  /** Milliseconds since the program started. */
  readonly at: number;
  /** Milliseconds. */
  readonly rtt: number;
  /** The sender's congestion window, in bytes. */
  readonly congestionWindow: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly packetsSent: number;
  readonly packetsReceived: number;
  readonly packetsLost: number;
}

const NONE = { bytesSent: 0, bytesReceived: 0, packetsSent: 0, packetsReceived: 0, packetsLost: 0 };

export function figuresOf(context: Context, client: Client): Figures | undefined {
  const at = performance.now();
  const stats = context.connection?.stats();
  if (stats !== undefined) {
    const { rtt = 0, congestionWindow = 0, bytesSent = 0, bytesReceived = 0 } = stats;
    const { packetsSent = 0, packetsReceived = 0, packetsLost = 0 } = stats;
    const figures = { rtt, congestionWindow, bytesSent, bytesReceived, packetsSent, packetsReceived, packetsLost };
    return { whose: "page", at, ...(figures as Record<keyof typeof figures, number>) };
  }
  const own = client.connections()[0]?.stats;
  if (own === undefined) return undefined;
  const { details: _, rtt = 0, congestionWindow = 0, ...counts } = own;
  return { whose: "client", at, rtt, congestionWindow, ...NONE, ...counts };
}
