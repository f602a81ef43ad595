/** Options of an HTTP/3 connection. */

import type { Rng } from "../base/rng.ts";
import type { ConnectionFrame } from "../http/index.ts";
import type { DatagramTransport } from "../quic/transport.ts";
import type { ExtensionSetting, KnownSettings, Settings } from "./settings.ts";
import type { StreamClaims } from "./stream-claims.ts";
import type { H3Trace } from "./trace.ts";

/** The options of an HTTP/3 connection. */
export interface H3Options {
  /** For the reserved values that exercise the peer's handling of unknown types (RFC 9114 §7.2.8). */
  readonly rng: Rng;
  /** SETTINGS_QPACK_MAX_TABLE_CAPACITY to send, and the limit on how much of the peer's table to use. */
  readonly qpackMaxTableCapacity?: number;
  /** SETTINGS_QPACK_BLOCKED_STREAMS to send. */
  readonly qpackBlockedStreams?: number;
  /** SETTINGS_MAX_FIELD_SECTION_SIZE to send and enforce. */
  readonly maxFieldSectionSize?: number;
  /** Server: sends SETTINGS_ENABLE_CONNECT_PROTOCOL and accepts requests with `:protocol` (RFC 9220). */
  readonly enableConnectProtocol?: boolean;
  /** The transport's datagrams: sends SETTINGS_H3_DATAGRAM, and accepts HTTP Datagrams (RFC 9297). */
  readonly datagrams?: DatagramTransport | undefined;
  /** Server: returns the value of `date` for responses that HTTP/3 itself generates (RFC 9110 §6.6.1). */
  readonly date?: () => string;
  /** Client: the server's settings in the session that this connection resumes (RFC 9114 §7.2.4.2). */
  readonly rememberedSettings?: Settings | undefined;
  /** Settings of extensions, sent with ours and read from the peer's. */
  readonly extensionSettings?: readonly ExtensionSetting[];
  /** Streams of extensions. */
  readonly claims?: StreamClaims;
  /** Server: the origins to name in an ORIGIN frame (RFC 9412). By default, none is sent. */
  readonly origins?: readonly string[] | undefined;
  /** The types of further frames to read from the peer's control stream, for `extension-frame` events. */
  readonly extensionFrames?: ReadonlySet<number> | undefined;
  /** Frames to send on the control stream after SETTINGS. */
  readonly controlFrames?: readonly ConnectionFrame[] | undefined;
  /** Receives trace events. */
  readonly trace?: H3Trace | undefined;
}

/** The SETTINGS that these options send, with the defaults. */
export const settingsFrom = (options: Omit<H3Options, "rng">): KnownSettings => ({
  qpackMaxTableCapacity: options.qpackMaxTableCapacity ?? 4096,
  qpackBlockedStreams: options.qpackBlockedStreams ?? 16,
  maxFieldSectionSize: options.maxFieldSectionSize ?? 65_536,
  enableConnectProtocol: options.enableConnectProtocol ?? false,
  h3Datagram: options.datagrams !== undefined,
});
