/** NewReno as in RFC 9002 §7.3 and Appendix B: one datagram more per acknowledged window, and half at a loss. */

import { type AvoidanceLaw, LossBasedController } from "./loss-based.ts";

class NewRenoLaw implements AvoidanceLaw {
  readonly name = "NewReno";
  /** RFC 9002 §7.3.2, kLossReductionFactor. */
  readonly reductionFactor = 0.5;
  /** Bytes acknowledged that have not yet grown the window. */
  #acknowledged = 0;

  onReduction(): void {
    this.#acknowledged = 0;
  }

  /** RFC 9002 §7.3.3. */
  grow(acknowledged: number, window: number, maxDatagramSize: number): number {
    this.#acknowledged += acknowledged;
    if (this.#acknowledged < window) return window;
    this.#acknowledged -= window;
    return window + maxDatagramSize;
  }

  onRecovering(): void {}

  onUnderused(): void {}

  reset(): void {
    this.#acknowledged = 0;
  }

  snapshot(): () => void {
    const acknowledged = this.#acknowledged;
    return () => {
      this.#acknowledged = acknowledged;
    };
  }
}

/** NewReno, as RFC 9002 §7 has it. */
export class NewReno extends LossBasedController {
  constructor(maxDatagramSize: number) {
    super(new NewRenoLaw(), maxDatagramSize);
  }
}
