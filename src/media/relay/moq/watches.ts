/** What a peer watches: namespaces that appear below a prefix, and tracks that can be had there. */

import type { Instant } from "../../../base/time.ts";
import type { SubscribeNamespaceMessage } from "../../moq/messages.ts";
import type { Namespace, TrackName } from "../../moq/model.ts";
import { namespaceKey, type Refusal, type TrackInfo } from "../model.ts";
import type { Registration, RelayPeer } from "../peer.ts";
import type { OutletSession } from "./outlets.ts";

export class PeerWatches {
  readonly #parent: OutletSession;
  readonly #peer: () => RelayPeer;
  readonly #offer: (track: TrackName, info: TrackInfo) => void;
  /** What the peer is told once it was told that its request is accepted, by request. */
  readonly #waiting = new Map<number, (() => void)[]>();
  /** Namespaces that it was told of by requests of their own, up to draft 14. */
  readonly #told = new Map<string, number>();

  constructor(parent: OutletSession, peer: () => RelayPeer, offer: (track: TrackName, info: TrackInfo) => void) {
    this.#parent = parent;
    this.#peer = peer;
    this.#offer = offer;
  }

  open({ type, requestId, prefix, interest }: SubscribeNamespaceMessage, now: Instant): Registration | Refusal {
    this.#waiting.set(requestId, []);
    const tell = (send: () => void): void => {
      const waiting = this.#waiting.get(requestId);
      if (waiting === undefined) send();
      else waiting.push(send);
    };
    const answers: (Registration | Refusal)[] = [];
    if (type === "subscribe-namespace" && interest !== 0) {
      const watcher = {
        appeared: (namespace: Namespace) => tell(() => this.#tell(requestId, prefix, namespace, true)),
        gone: (namespace: Namespace) => tell(() => this.#tell(requestId, prefix, namespace, false)),
      };
      answers.push(this.#peer().watchNamespaces(prefix, watcher, now));
    }
    if (type === "subscribe-tracks" || interest === 0 || interest === 2) {
      const published = (track: TrackName, info: TrackInfo): void => tell(() => this.#offer(track, info));
      answers.push(this.#peer().watchTracks(prefix, { published }, now));
    }
    const withdraw = (at: Instant): void => {
      for (const each of answers) if ("withdraw" in each) each.withdraw(at);
    };
    const refusal = answers.find((each): each is Refusal => "reason" in each);
    if (refusal === undefined) return { withdraw };
    withdraw(now);
    this.#waiting.delete(requestId);
    return refusal;
  }

  /** The peer knows that it is accepted. */
  begin(requestId: number): void {
    const waiting = this.#waiting.get(requestId) ?? [];
    this.#waiting.delete(requestId);
    for (const send of waiting) send();
  }

  #tell(requestId: number, prefix: Namespace, namespace: Namespace, isThere: boolean): void {
    const { session, dialect } = this.#parent;
    if (!dialect.has("hasInlineParameters")) {
      session.send(requestId, {
        type: isThere ? "namespace" : "namespace-done",
        suffix: namespace.slice(prefix.length),
      });
      return;
    }
    // Draft 14 announces to a subscriber as a publisher does.
    const key = namespaceKey(namespace);
    const told = this.#told.get(key);
    if (isThere && told === undefined) {
      const id = session.request({ type: "publish-namespace", namespace, parameters: {} });
      if (id !== undefined) this.#told.set(key, id);
    } else if (!isThere && told !== undefined) {
      this.#told.delete(key);
      session.cancel(told);
    }
  }
}
