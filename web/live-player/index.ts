/**
 * A web component that plays live media from a relay of MoQ Transport, and says what happens to it.
 *
 * @module nagare/experimental/live-player
 */

/// <reference lib="dom" preserve="true" />

import { NagareLive } from "./element.ts";

export { NagareLive } from "./element.ts";
export type { LiveCertificateHash, LiveEngine, LiveState, LiveStats } from "./options.ts";

/** Makes `<nagare-live>` known to the page; done already where this module is loaded in a page. */
export function defineNagareLive(name = "nagare-live"): void {
  if (globalThis.customElements !== undefined && customElements.get(name) === undefined) {
    customElements.define(name, name === "nagare-live" ? NagareLive : class extends NagareLive {});
  }
}

defineNagareLive();
