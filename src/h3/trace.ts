/**
 * The events of an HTTP/3 connection (draft-ietf-quic-qlog-h3-events), declared once. As in `quic/trace.ts`, names are
 * qlog's with hyphens, and fields are this stack's own objects. The connection knows no time; its listener adds it.
 */

import type { FieldSection } from "../http/index.ts";
import type { StreamId } from "../quic/transport.ts";
import { Reader } from "../wire/reader.ts";
import type { VarInt } from "../wire/varint.ts";
import type { Settings } from "./settings.ts";

/** A setting as on the wire. */
export interface TracedSetting {
  readonly id: VarInt;
  readonly value: VarInt;
}

/** `length` is that of the payload, in bytes. */
export type TracedFrame =
  | { readonly type: "data"; readonly length: number }
  | { readonly type: "headers"; readonly fields: FieldSection; readonly length: number }
  | { readonly type: "settings"; readonly settings: readonly TracedSetting[]; readonly length: number }
  | { readonly type: "goaway"; readonly id: number }
  | { readonly type: "origin"; readonly origins: readonly string[] }
  | { readonly type: "max-push-id"; readonly id: number }
  | {
      readonly type: "priority-update";
      readonly of: "request" | "push";
      readonly id: number;
      readonly value: string;
    }
  /** Of a type that is reserved to exercise peers (RFC 9114 §7.2.8), or unknown. */
  | { readonly type: "reserved" | "unknown"; readonly number: number; readonly length: number };

export type H3StreamType = "request" | "control" | "push" | "qpack-encoder" | "qpack-decoder" | "reserved" | "unknown";

export type H3TraceEvent =
  | { readonly type: "http3:frame-created" | "http3:frame-parsed"; readonly id: StreamId; readonly frame: TracedFrame }
  | { readonly type: "http3:parameters-set"; readonly initiator: "local" | "remote"; readonly settings: KnownPart }
  /** Client only: the settings of an earlier connection, which 0-RTT data relies on (RFC 9114 §7.2.4.2). */
  | { readonly type: "http3:parameters-restored"; readonly settings: KnownPart }
  | {
      readonly type: "http3:stream-type-set";
      readonly id: StreamId;
      readonly initiator: "local" | "remote";
      readonly streamType: H3StreamType;
      /** The number of an unknown type. */
      readonly number?: number;
    };

type KnownPart = Omit<Settings, "extensions">;

export type H3Trace = (event: H3TraceEvent) => void;

/** The settings of a SETTINGS frame that was written, or parsed without an error. */
export function tracedSettings(payload: Uint8Array): readonly TracedSetting[] {
  const reader = new Reader(payload);
  const settings: TracedSetting[] = [];
  while (!reader.isAtEnd) settings.push({ id: reader.varintExact(), value: reader.varintExact() });
  return settings;
}
