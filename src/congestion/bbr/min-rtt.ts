/**
 * The round-trip time without queues (draft-ietf-ccwg-bbr §5.3.4.3, §5.5.7): a minimum over ten seconds. If five
 * seconds pass without a sample as small as the minimum, the sender must let its queue drain to measure again.
 */

import { after, type Instant, type Micros, seconds } from "../../base/time.ts";

const WINDOW = seconds(10);
const PROBE_INTERVAL = seconds(5);

export class MinRtt {
  /** Infinity before the first sample. */
  value = Number.POSITIVE_INFINITY as Micros;
  /** True if the minimum of the last five seconds must be measured again. */
  isProbeDue = false;
  #since: Instant | undefined;
  #recent = Number.POSITIVE_INFINITY as Micros;
  #recentSince: Instant | undefined;

  onSample(rtt: Micros, now: Instant): void {
    this.#recentSince ??= now;
    this.#since ??= now;
    this.isProbeDue = now > after(this.#recentSince, PROBE_INTERVAL);
    if (rtt < this.#recent || this.isProbeDue) {
      this.#recent = rtt;
      this.#recentSince = now;
    }
    if (this.#recent >= this.value && now <= after(this.#since, WINDOW)) return;
    this.value = this.#recent;
    this.#since = this.#recentSince;
  }

  /** The queue has been drained; the next probe is due five seconds from now. */
  onProbed(now: Instant): void {
    this.#recentSince = now;
  }
}
