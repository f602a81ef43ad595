/** Explicit Congestion Notification (RFC 9000 §13.4): directly on loopback, which keeps the bits of the IP header. */

import { Ecn } from "../../src/base/datagrams.ts";
import { chooseEngine } from "../../src/host/engine/engine.ts";
import { type TraceConnection, traceAll } from "../../src/host/quic/tracing.ts";
import type { Case } from "../case.ts";
import { Skip, Unsupported } from "../result.ts";
import { downloadCase } from "./download.ts";

/** Counts what our connections see of the marks of both sides. */
class Marks {
  #sent = 0;
  #received = 0;
  #reportedToUs = 0;
  #reportedByUs = 0;

  readonly trace: TraceConnection = () => (event) => {
    if (event.type !== "quic:packet-sent" && event.type !== "quic:packet-received") return;
    const isSent = event.type === "quic:packet-sent";
    const reports = event.frames.filter((frame) => frame.type === "ack" && frame.ecn !== undefined).length;
    if (isSent) this.#reportedByUs += reports;
    else this.#reportedToUs += reports;
    if (event.ecn === Ecn.notEct) return;
    if (isSent) this.#sent += 1;
    else this.#received += 1;
  };

  /** As the public runner: both sides mark packets, and both report the other's marks. Returns what the peer lacks. */
  check(): string | undefined {
    if (this.#sent === 0) throw new Error("we marked no packets");
    const [marks, reports] = [this.#received > 0, this.#reportedToUs > 0];
    if (!marks && !reports) return "the peer neither marks packets nor reports marks";
    if (!marks) return "the peer reports our marks, but marks no packets";
    if (!reports) return "the peer marks packets, but does not report ours";
    if (this.#reportedByUs === 0) throw new Error("we did not report the peer's marks");
    return undefined;
  }

  get summary(): string {
    return `${this.#sent} packets marked by us, ${this.#received} by the peer`;
  }
}

const download = downloadCase({
  name: "ecn",
  shows: "both sides mark packets with ECT, and both report the other's marks in ACK frames (RFC 9000 §13.4)",
  protocol: "h3",
  paths: (site) => [site.kib[2_048]],
});

export const ecn: Case = {
  ...download,
  isOursOnly: true,
  async run(pairing, cell) {
    if (!(await chooseEngine("auto")).udp.capabilities.ecn) throw new Skip("our engine cannot mark packets here");
    const marks = new Marks();
    const seen = await download.run(pairing, { ...cell, trace: traceAll([marks.trace, cell.trace]) });
    const lack = marks.check();
    const { peer, role } = pairing;
    const isExpected = (role === "server" ? peer.client : peer.server)!.features.has("ecn");
    if (lack === undefined && isExpected) return `${seen}, ${marks.summary}`;
    if (lack === undefined) throw new Error("the peer has ECN, which is missing from its features");
    // What was seen is the evidence.
    throw isExpected ? new Error(lack) : new Unsupported(lack);
  },
};
