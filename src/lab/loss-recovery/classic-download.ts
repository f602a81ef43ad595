/** The same download with classic TCP's recovery. */

import { type Instant, millis, seconds } from "../../base/time.ts";
import { host } from "../../sim/index.ts";
import { ClassicReceiver, ClassicSender, SEGMENT } from "./classic-tcp.ts";
import { CLIENT, type DownloadFigures, type DownloadOptions, emptyFigures, observe, SERVER } from "./download.ts";

/** RFC 6298 §2.4, and what Linux does. */
export const MINIMUM_RTO = { classic: seconds(1), "classic-200ms": millis(200) } as const;

export function downloadClassically(rules: keyof typeof MINIMUM_RTO, options: DownloadOptions): DownloadFigures {
  const { bytes, countAfter = 0 } = options;
  const figures = emptyFigures();
  const sender = new ClassicSender({ remote: CLIENT, bytes, minimumRto: MINIMUM_RTO[rules] });
  const receiver = new ClassicReceiver(SERVER);
  const onReceiverTurn = (now: Instant): void => {
    const received = receiver.arrived * SEGMENT;
    if (now >= countAfter) figures.receivedAfter += received - figures.received;
    figures.received = received;
    if (received >= bytes) figures.finishedAt ??= now;
  };
  const onSenderTurn = (): void => {
    if (figures.slowStartExit !== undefined) return;
    figures.overflowsInSlowStart = figures.overflows;
    if (sender.slowStartThreshold < Number.POSITIVE_INFINITY) figures.slowStartExit = sender.congestionWindow * SEGMENT;
  };
  observe(
    options,
    figures,
    host({ name: "client", address: CLIENT, machine: receiver, application: onReceiverTurn }),
    host({ name: "server", address: SERVER, machine: sender, application: onSenderTurn }),
  );
  figures.packetsSent = sender.segmentsSent;
  figures.retransmissions = sender.retransmissions;
  figures.timeouts = sender.timeouts;
  return figures;
}
