/** Carries a WebTransport session over HTTP/3: streams beside the tunnel, datagrams, and capsules in it. */

import type { Instant } from "../../base/time.ts";
import { CapsuleError } from "../../http/capsules/index.ts";
import type { SendDatagramResult, StreamChunk, StreamDirection, StreamId } from "../../quic/index.ts";
import { FlowCapsule, type SessionError, type SessionStreams } from "../../webtransport/h3/index.ts";
import {
  type Carrier,
  type CloseInfo,
  closeValue,
  MAX_CLOSE_LENGTH,
  PLAIN_CLOSE,
  parseClose,
  Session,
  type StreamOrder,
  WebTransportCapsule,
} from "../../webtransport/index.ts";
import { varintLength } from "../../wire/varint.ts";
import { VarintReader } from "../../wire/varint-reader.ts";
import { Writer } from "../../wire/writer.ts";
import { DatagramTunnel } from "../http/datagram-tunnel.ts";
import type { Tunnel } from "../http/tunnel.ts";
import { endWithServer } from "./server-stops.ts";

/** As a capsule; frames are smaller. */
const MAX_DATAGRAM = 65_535;

/** Makes an accepted tunnel a session. */
export function sessionIn(tunnel: Tunnel): Session {
  const { sessionStreams } = tunnel;
  if (sessionStreams === undefined) throw new Error("the tunnel has no WebTransport streams");
  return new TunnelCarrier(tunnel, sessionStreams).session;
}

const FLOW_CAPSULES = [
  FlowCapsule.MAX_DATA,
  FlowCapsule.MAX_STREAMS_BIDI,
  FlowCapsule.MAX_STREAMS_UNI,
  FlowCapsule.MAX_STREAM_DATA,
  FlowCapsule.STREAM_DATA_BLOCKED,
].map((type) => ({ type, maxLength: 16 }));

function varint(value: number): Uint8Array {
  const writer = new Writer(new Uint8Array(varintLength(value)));
  writer.varint(value);
  return writer.bytes;
}

class TunnelCarrier implements Carrier {
  readonly session: Session;
  readonly #streams: SessionStreams;
  readonly #control: DatagramTunnel;

  constructor(tunnel: Tunnel, streams: SessionStreams) {
    this.#streams = streams;
    this.session = new Session(this);
    let violation: SessionError | undefined;
    const hasFlow = streams.beginFlow(
      (type, value) => this.#control.sendCapsule(type, varint(value)),
      (error) => {
        if (this.#control === undefined) violation = error;
        else this.#refuse(error);
      },
    );
    streams.handler = this.session;
    endWithServer(this.session, tunnel);
    this.#control = new DatagramTunnel(tunnel, {
      maxDatagram: MAX_DATAGRAM,
      onDatagram: (payload) => this.session.handleDatagram(payload),
      capsules: [
        { type: WebTransportCapsule.CLOSE, maxLength: MAX_CLOSE_LENGTH },
        { type: WebTransportCapsule.DRAIN, maxLength: 0 },
        // Without flow control, its capsules have no meaning (draft-ietf-webtrans-http3 §5.1).
        ...(hasFlow ? FLOW_CAPSULES : []),
      ],
      onCapsule: (type, value) => this.#handleCapsule(type, value),
      // §6 of the draft: without a capsule, it is code 0 without a reason.
      onEnd: () => this.#end(PLAIN_CLOSE, undefined),
      onAbort: (reason) => this.#end(PLAIN_CLOSE, reason),
    });
    if (violation !== undefined) this.#refuse(violation);
  }

  get maxDatagramSize(): number {
    return this.#control.maxPayload;
  }

  openStream(direction: StreamDirection): StreamId | undefined {
    return this.#streams.open(direction);
  }

  write(id: StreamId, bytes: Uint8Array, fin: boolean): boolean {
    return this.#streams.write(id, bytes, fin);
  }

  read(id: StreamId, max?: number): StreamChunk | undefined {
    return this.#streams.read(id, max);
  }

  reset(id: StreamId, code: number): void {
    this.#streams.reset(id, code);
  }

  stopSending(id: StreamId, code: number): void {
    this.#streams.stopSending(id, code);
  }

  setOrder(id: StreamId, order: StreamOrder): void {
    this.#streams.setOrder(id, order);
  }

  sendDatagram(payload: Uint8Array, expires?: Instant): SendDatagramResult {
    return this.#control.send(payload, expires);
  }

  exportKeyingMaterial(label: Uint8Array, context: Uint8Array, length: number): Uint8Array {
    return this.#streams.exportKeyingMaterial(label, context, length);
  }

  drain(): void {
    this.#control.sendCapsule(WebTransportCapsule.DRAIN);
  }

  close(info: CloseInfo): void {
    this.#control.sendCapsule(WebTransportCapsule.CLOSE, closeValue(info));
    // §6 of the draft: the end of the stream follows at once. The peer's is waited for, although STOP_SENDING is allowed:
    // Chromium would take the session for cut off.
    this.#control.end();
    this.#streams.close();
  }

  #handleCapsule(type: number, value: Uint8Array): void {
    if (type === WebTransportCapsule.DRAIN) {
      this.session.handleDraining();
      return;
    }
    if (type !== WebTransportCapsule.CLOSE) {
      this.#handleLimit(type, value);
      return;
    }
    const info = parseClose(value);
    if (typeof info === "string") throw new CapsuleError(info);
    this.#control.expectEnd();
    this.#end(info, undefined);
  }

  #handleLimit(type: number, value: Uint8Array): void {
    // §5.4 of the draft.
    if (type === FlowCapsule.MAX_STREAM_DATA || type === FlowCapsule.STREAM_DATA_BLOCKED) {
      throw new CapsuleError("limits of single streams are those of QUIC");
    }
    const reader = new VarintReader();
    const end = value.length === 0 ? 0 : reader.read(value, 0);
    if (!reader.done || end !== value.length) throw new CapsuleError(`capsule ${type} is not one integer`);
    this.#streams.handleLimit(type, reader.value);
  }

  /** The peer has broken a rule of its session. */
  #refuse(error: SessionError): void {
    this.#control.reset(error);
    this.#end(PLAIN_CLOSE, error);
  }

  #end(info: CloseInfo, error: Error | undefined): void {
    this.#streams.close();
    // The constructor of the tunnel may report its end.
    this.#control?.end();
    this.session.handleClosed(info, error);
  }
}
