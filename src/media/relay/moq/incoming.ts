/** Streams of objects from a peer, into the sinks of the tracks that they belong to. */

import type { Instant } from "../../../base/time.ts";
import type { ObjectDatagram } from "../../moq/data/datagram.ts";
import type { FetchObject } from "../../moq/data/fetch-objects.ts";
import type { SubgroupHeader } from "../../moq/data/subgroup-header.ts";
import type { SubgroupObject } from "../../moq/data/subgroup-objects.ts";
import type { StreamId } from "../../moq/session/index.ts";
import type { ObjectHead, RelayStatus } from "../model.ts";
import type { SubgroupSink, TrackSink } from "../peer.ts";

interface IncomingStream {
  readonly track: TrackSink;
  readonly header: SubgroupHeader;
  sink: SubgroupSink | undefined;
}

export class IncomingObjects {
  /** By request. */
  readonly #sinks = new Map<number, TrackSink>();
  readonly #streams = new Map<StreamId, IncomingStream>();
  /** Stops an unwanted stream. */
  readonly #stop: (stream: StreamId) => void;

  constructor(stop: (stream: StreamId) => void) {
    this.#stop = stop;
  }

  get sinks(): ReadonlyMap<number, TrackSink> {
    return this.#sinks;
  }

  add(requestId: number, sink: TrackSink): void {
    this.#sinks.set(requestId, sink);
  }

  /** Returns the sink, if there was one. */
  remove(requestId: number): TrackSink | undefined {
    const sink = this.#sinks.get(requestId);
    this.#sinks.delete(requestId);
    return sink;
  }

  handleSubgroup(stream: StreamId, requestId: number, header: SubgroupHeader): void {
    const track = this.#sinks.get(requestId);
    if (track === undefined) this.#stop(stream);
    else this.#streams.set(stream, { track, header, sink: undefined });
  }

  handleObject(stream: StreamId, object: SubgroupObject | FetchObject, now: Instant): void {
    const incoming = this.#streams.get(stream);
    if (incoming === undefined) return;
    const head = headOf(object);
    if (head === undefined) return;
    if (incoming.sink === undefined) {
      const { group, subgroup, priority, endsGroup, startsSubgroup, hasProperties } = incoming.header;
      const start = {
        group,
        subgroup: subgroup === "first-object" ? object.object : subgroup,
        priority,
        endsGroup,
        isFromStart: startsSubgroup ?? (subgroup === "first-object" || object.object === 0),
        hasProperties,
      };
      incoming.sink = incoming.track.open(start, now);
      if (incoming.sink === undefined) {
        this.#drop(stream);
        return;
      }
    }
    incoming.sink.object(head, now);
  }

  handlePayload(stream: StreamId, bytes: Uint8Array, now: Instant): void {
    if (this.#streams.get(stream)?.sink?.payload(bytes, now) === false) this.#drop(stream);
  }

  handleEnd(stream: StreamId, code: number | undefined, now: Instant): void {
    const sink = this.#streams.get(stream)?.sink;
    this.#streams.delete(stream);
    if (code === undefined) sink?.end(now);
    else sink?.reset(code, now);
  }

  handleDatagram(requestId: number, datagram: ObjectDatagram, now: Instant): void {
    const head = headOf({ ...datagram, payloadLength: datagram.payload.length });
    if (head === undefined) return;
    const { group, priority, endsGroup, payload } = datagram;
    // A copy: what is kept must not hold the packet that it came in.
    this.#sinks.get(requestId)?.datagram({ ...head, group, priority, endsGroup, payload: payload.slice() }, now);
  }

  /** The session ended: streams were cut off. */
  clear(now: Instant): void {
    for (const { sink } of this.#streams.values()) sink?.reset(0, now);
    this.#streams.clear();
    this.#sinks.clear();
  }

  #drop(stream: StreamId): void {
    this.#streams.delete(stream);
    this.#stop(stream);
  }
}

/** Undefined for an object that does not exist, which relays leave out. */
function headOf({
  object,
  properties,
  status,
  payloadLength,
}: Pick<SubgroupObject, "object" | "properties" | "status" | "payloadLength">): ObjectHead | undefined {
  if (status === "does-not-exist") return undefined;
  return { object, properties, length: payloadLength, status: status satisfies RelayStatus };
}
