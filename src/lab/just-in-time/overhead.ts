/** What a packet of several flows costs beside its content, counted in the bytes that our codecs write. */

import { TAG_LENGTH } from "../../crypto/engine.ts";
import { NO_DEADLINE, packetBytes, type Unit } from "../../flows/index.ts";
import { emitDatagram } from "../../quic/frame/emit.ts";
import { beginShortHeader } from "../../quic/packet/build.ts";
import { Writer } from "../../wire/writer.ts";
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
/** Bytes of a connection id, as most servers choose them. */
const CONNECTION_ID = new Uint8Array(8);

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

/** Bytes of a 1-RTT packet of ours with DATAGRAM frames (RFC 9000 §17.3, RFC 9221 §4) beside what they carry. */
function quic(contents: readonly number[]): number {
  const writer = new Writer(new Uint8Array(4_096));
  beginShortHeader(writer, CONNECTION_ID, 0, 0, 1_000, 2);
  for (const length of contents) emitDatagram(writer, new Uint8Array(length), true);
  return IP_AND_UDP + writer.position + TAG_LENGTH - contents.reduce((sum, each) => sum + each, 0);
}

/** Bytes beside the content of one unit of each flow. */
const WAYS: Readonly<Record<string, (flows: number) => number>> = {
  "flows-dtls-12": (flows) => IP_AND_UDP + DTLS_12 + dfmp(flows),
  "flows-dtls-13": (flows) => IP_AND_UDP + DTLS_13 + dfmp(flows),
  "flows-quic": (flows) => quic([dfmp(flows) + flows * TELEMETRY]) + dfmp(flows),
  "dtls-12": (flows) => flows * (IP_AND_UDP + DTLS_12),
  "rtp-udp": (flows) => flows * (IP_AND_UDP + RTP),
  quic: (flows) => quic(new Array<number>(flows).fill(TELEMETRY)),
};

export const overhead = part({
  name: "overhead",
  title: "Overhead",
  setup:
    `Bytes beside the content, for one unit of ${TELEMETRY} bytes from each of several flows that are due together: just-in-time flows and QUIC put them into one datagram, the others send one for each. ` +
    "QUIC's frames have neither flows nor deadlines. Counted in the packets that the codecs of this code write; DTLS and RTP, which it does not speak, have the sizes of their RFCs.",
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
  cells: product({ way: Object.keys(WAYS), flows: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] as const }),
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
