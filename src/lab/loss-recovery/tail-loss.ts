/** A short download whose last packet is lost: nothing follows that would reveal the loss. */

import { millis, seconds, toMillis } from "../../base/time.ts";
import { part } from "../experiment.ts";
import { product } from "../figures.ts";
import { download, RECOVERY } from "./rules.ts";

const BYTES = 30_000;

export const tailLoss = part({
  name: "tail-loss",
  title: "Tail loss",
  setup:
    `A download of ${BYTES / 1_000} kB over 20 Mbit/s, once without loss and once without the packet that completed the first. ` +
    "The delay is how much longer the second takes.",
  parameters: { recovery: RECOVERY, rtt: { title: "RTT", unit: "ms" } },
  figures: {
    complete: { title: "complete after", unit: "ms", digits: 1 },
    delay: { title: "added by the loss", unit: "ms", digits: 1 },
    probeTimeout: { title: "probe timeout", unit: "ms", digits: 1 },
    timeouts: { title: "timeouts" },
    retransmissions: { title: "retransmissions" },
  },
  cells: product({
    recovery: ["cubic", "bbr", "classic-200ms", "classic"] as const,
    rtt: [10, 30, 60, 100, 200] as const,
  }),
  isQuick: () => true,
  repetitions: 1,
  measure({ recovery, rtt }, run) {
    const link = { delay: millis(rtt / 2), rate: 20e6, queue: 100 };
    const options = { ...run, bytes: BYTES, link, until: seconds(30) };
    const undisturbed = download(recovery, options);
    const last = undisturbed.lastDatagram;
    const figures = download(recovery, { ...options, link: { ...link, dropList: [last] } });
    return {
      complete: toMillis((figures.finishedAt! - figures.requestedAt) as typeof options.until),
      delay: toMillis((figures.finishedAt! - undisturbed.finishedAt!) as typeof options.until),
      probeTimeout: figures.probeTimeout === 0 ? null : toMillis(figures.probeTimeout),
      timeouts: figures.timeouts,
      retransmissions: figures.retransmissions,
    };
  },
  plots: [
    {
      kind: "lines",
      title: "Delay that the loss of the last packet adds",
      x: { column: "rtt" },
      y: { column: "delay", scale: "log" },
      series: "recovery",
    },
  ],
});
