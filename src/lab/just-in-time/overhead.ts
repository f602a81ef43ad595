/** What a packet of several flows costs beside its content, counted in the bytes that our codecs write. */

import { NO_DEADLINE, packetBytes, type Unit } from "../../flows/index.ts";
import { part } from "../experiment.ts";
import { product, round } from "../figures.ts";
import { TELEMETRY } from "./telemetry.ts";

/** IPv4 and UDP. */
const IP_AND_UDP = 28;
/** RFC 6347 §4.1, RFC 5288: the record's header, the explicit nonce, the tag. */
const DTLS_12 = 13 + 8 + 16;
/** RFC 9147 §4: five bytes of header as is usual, the content type, the tag. */
const DTLS_13 = 5 + 1 + 16;
/** RFC 3550 §5.1. */
const RTP = 12;
/** RFC 9000 §17.3: the first byte, an id of 8 bytes, a number of 2, the tag; each DATAGRAM frame (RFC 9221 §4) has a type and a length of 1 or 2. */
const QUIC_PACKET = 1 + 8 + 2 + 16;
const QUIC_DATAGRAM = 1 + 2;

const unit = (flow: number): Unit => ({
  type: "datagram",
  flow,
  part: { message: 1, fragment: 0, isFirst: true, isLast: true, deadline: NO_DEADLINE, priority: 0 },
  isDiscardable: false,
  payload: new Uint8Array(TELEMETRY),
});

/** Bytes of a packet of ours beside its content. */
function dfmp(flows: number): number {
  const units = Array.from({ length: flows }, (_, index) => unit(2 + 2 * index));
  return packetBytes({ flags: 0, sequence: 0, timestamp: 0 }, units).length - flows * TELEMETRY;
}

/** Bytes beside the content of one unit of each flow. */
const WAYS: Readonly<Record<string, (flows: number) => number>> = {
  "flows-dtls-12": (flows) => IP_AND_UDP + DTLS_12 + dfmp(flows),
  "flows-dtls-13": (flows) => IP_AND_UDP + DTLS_13 + dfmp(flows),
  "flows-quic": (flows) => IP_AND_UDP + QUIC_PACKET + QUIC_DATAGRAM + dfmp(flows),
  "dtls-12": (flows) => flows * (IP_AND_UDP + DTLS_12),
  "rtp-udp": (flows) => flows * (IP_AND_UDP + RTP),
  quic: (flows) => IP_AND_UDP + QUIC_PACKET + flows * QUIC_DATAGRAM,
};

export const overhead = part({
  name: "overhead",
  title: "Overhead",
  setup:
    `Bytes beside the content, for one unit of ${TELEMETRY} bytes from each of several flows that are due together: just-in-time flows and QUIC put them into one datagram, the others send one for each. ` +
    "QUIC's frames have neither flows nor deadlines. Computed, not simulated.",
  parameters: {
    way: {
      title: "over",
      labels: {
        "flows-dtls-12": "flows over DTLS 1.2",
        "flows-dtls-13": "flows over DTLS 1.3",
        "flows-quic": "flows over QUIC datagrams",
        "dtls-12": "DTLS 1.2",
        "rtp-udp": "RTP over UDP",
        quic: "QUIC datagrams",
      },
    },
    flows: { title: "flows" },
  },
  figures: {
    bytes: { title: "bytes beside the content" },
    perUnit: { title: "for each unit", digits: 1 },
  },
  cells: product({ way: Object.keys(WAYS), flows: [1, 2, 5, 10] as const }),
  isQuick: ({ flows }) => flows === 1,
  repetitions: 1,
  measure({ way, flows }) {
    const bytes = WAYS[way]!(flows);
    return { bytes, perUnit: round(bytes / flows, 1) };
  },
  plots: [
    {
      kind: "lines",
      title: "Bytes beside the content of each unit",
      x: { column: "flows" },
      y: { column: "perUnit" },
      series: "way",
    },
  ],
});
