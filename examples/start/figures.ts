// The figures of one QUIC connection at one moment: of the page's own, or, if TCP carries the page, of our own client's.
import type { Context } from "nagare";
import type { Client } from "nagare/client";

export interface Figures {
  /** Whose connection with this server it is. */
  readonly whose: "page" | "client";
  /** Milliseconds since the program started. */
  readonly at: number;
  /** Milliseconds. */
  readonly rtt: number;
  /** Bytes that may be on their way from the sender that is shown. */
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
  if (own === undefined) return undefined; // it has been idle for long enough to be closed
  const { details: _, rtt = 0, congestionWindow = 0, ...counts } = own;
  return { whose: "client", at, rtt, congestionWindow, ...NONE, ...counts };
}
