/** What an HTTP/3 connection is made with. */

import type { Rng } from "../base/rng.ts";
import type { ExtensionSetting, KnownSettings } from "./settings.ts";
import type { StreamClaims } from "./stream-claims.ts";

export interface H3Options {
  /** For the reserved values that keep peers in practice (RFC 9114 §7.2.8). */
  readonly rng: Rng;
  /** SETTINGS_QPACK_MAX_TABLE_CAPACITY to offer, and how much of the peer's table to use at most. */
  readonly qpackMaxTableCapacity?: number;
  /** SETTINGS_QPACK_BLOCKED_STREAMS to offer. */
  readonly qpackBlockedStreams?: number;
  /** SETTINGS_MAX_FIELD_SECTION_SIZE to offer, and to enforce. */
  readonly maxFieldSectionSize?: number;
  /** Server: offers SETTINGS_ENABLE_CONNECT_PROTOCOL, and takes requests with `:protocol` (RFC 9220). */
  readonly enableConnectProtocol?: boolean;
  /** Server: the value of `date` in the answers that HTTP/3 gives by itself (RFC 9110 §6.6.1). */
  readonly date?: () => string;
  /** Settings of extensions: sent with ours, and read from the peer's. */
  readonly extensionSettings?: readonly ExtensionSetting[];
  /** Streams of extensions. */
  readonly claims?: StreamClaims;
}

export const settingsFrom = (options: H3Options): KnownSettings => ({
  qpackMaxTableCapacity: options.qpackMaxTableCapacity ?? 4096,
  qpackBlockedStreams: options.qpackBlockedStreams ?? 16,
  maxFieldSectionSize: options.maxFieldSectionSize ?? 65_536,
  enableConnectProtocol: options.enableConnectProtocol ?? false,
});
