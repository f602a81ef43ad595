/** A track of the relay as segments: each group on a stream of its own, begun when its first object is there. */

import type { Instant } from "../../../base/time.ts";
import {
  BmffError,
  boxesIn,
  findBox,
  type InitSegment,
  isSync,
  parseFragment,
  presentationTime,
  type Track,
} from "../../bmff/index.ts";
import { Gathering } from "../../broadcast/gathering.ts";
import type { OutgoingSegment, SegmentBeginning, SegmentLabel } from "../../segments/index.ts";
import type { ObjectHead, SubgroupStart } from "../model.ts";
import type { ViewerStream, ViewOutlet } from "../peer.ts";

/** What sessions of both protocols do for a viewer. */
export interface SegmentSender {
  readonly isPaused: boolean;
  open(beginning: SegmentBeginning, now: Instant): OutgoingSegment<SegmentLabel> | undefined;
  write(segment: OutgoingSegment<SegmentLabel>, bytes: Uint8Array): void;
  finish(segment: OutgoingSegment<SegmentLabel>, now: Instant): void;
  abandon(segment: OutgoingSegment<SegmentLabel>): void;
}

/** Where segments go. */
export interface Pushing {
  readonly session: SegmentSender;
  readonly now: () => Instant;
}

/** A track that is pushed. */
export interface PushedTrack {
  /** Tracks of several publishers may share an id: this one is the session's. */
  readonly id: number;
  /** Of the groups to come. */
  init: InitSegment;
}

/** One track of one viewer. */
export class SegmentOutlet implements ViewOutlet {
  readonly #pushing: Pushing;
  readonly #track: PushedTrack;
  readonly #onOver: () => void;

  constructor(pushing: Pushing, track: PushedTrack, onOver: () => void) {
    this.#pushing = pushing;
    this.#track = track;
    this.#onOver = onOver;
  }

  accept(): void {}

  refuse(): void {
    this.#onOver();
  }

  open({ group }: SubgroupStart): ViewerStream {
    return new SegmentStream(this.#pushing, this.#track, group);
  }

  /** An object alone, such as one of a track of sound whose groups have one each. */
  datagram({ group, payload, object }: ObjectHead & { readonly group: number; readonly payload: Uint8Array }): void {
    const stream = this.open({ group } as SubgroupStart);
    stream.object({ object, properties: [], length: payload.length, status: "normal" });
    stream.payload(payload);
    stream.end();
  }

  end(): void {
    this.#onOver();
  }
}

/** One group. */
class SegmentStream implements ViewerStream {
  readonly #pushing: Pushing;
  readonly #track: PushedTrack;
  readonly #group: number;
  /** Until the first object is whole: it says where the segment stands among the others. */
  readonly #first: Gathering;
  #segment: OutgoingSegment<SegmentLabel> | undefined;
  /** Nothing of the group can be played. */
  #isUseless = false;

  constructor(pushing: Pushing, track: PushedTrack, group: number) {
    this.#pushing = pushing;
    this.#track = track;
    this.#group = group;
    this.#first = new Gathering(
      group,
      (bytes) => this.#begin(bytes),
      () => {},
    );
  }

  get hasRoom(): boolean {
    return this.#segment?.hasRoom ?? (this.#isUseless || !this.#pushing.session.isPaused);
  }

  object(head: ObjectHead): void {
    if (this.#segment === undefined) this.#first.object(head);
  }

  payload(bytes: Uint8Array): void {
    if (this.#segment !== undefined) this.#pushing.session.write(this.#segment, bytes);
    else if (!this.#isUseless) this.#first.payload(bytes);
  }

  end(): void {
    if (this.#segment !== undefined) this.#pushing.session.finish(this.#segment, this.#pushing.now());
  }

  reset(): void {
    if (this.#segment !== undefined) this.#pushing.session.abandon(this.#segment);
  }

  #begin(chunk: Uint8Array): void {
    const { session, now } = this.#pushing;
    const { id, init } = this.#track;
    const time = beginningOf(chunk, init);
    if (time !== undefined) {
      const track: Track = { ...init.tracks[0]!, id };
      this.#segment = session.open({ track, group: this.#group, presentationTime: time }, now());
    }
    if (this.#segment === undefined) this.#isUseless = true;
    else session.write(this.#segment, chunk);
  }
}

/** When a chunk is shown, in units of its track; undefined if it is none of the track, or no decoder can begin with it. */
function beginningOf(chunk: Uint8Array, init: InitSegment): number | undefined {
  try {
    const moof = findBox(boxesIn(chunk), "moof");
    const [content] = moof === undefined ? [] : parseFragment(moof.bytes, init).tracks;
    const [first] = content?.samples ?? [];
    if (first === undefined || !isSync(first)) return undefined;
    return content!.samples.reduce((least, each) => Math.min(least, presentationTime(each)), presentationTime(first));
  } catch (error) {
    if (error instanceof BmffError) return undefined;
    throw error;
  }
}
