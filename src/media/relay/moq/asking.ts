/** What the relay asks of a peer: tracks, and which namespaces it has. */

import type { Instant } from "../../../base/time.ts";
import type { Namespace, Parameters, TrackName } from "../../moq/model.ts";
import { namespaceKey } from "../model.ts";
import type { Registration, RelayPeer, RelaySource, RelayUpstream, TrackSink, UpstreamWish } from "../peer.ts";
import type { IncomingObjects } from "./incoming.ts";
import type { OutletSession } from "./outlets.ts";

export class Asking implements RelaySource {
  readonly #parent: OutletSession;
  readonly #incoming: IncomingObjects;
  readonly #peer: () => RelayPeer;
  /** Prefixes that we watch at the peer, by request, and namespaces that it told us of. */
  readonly #watched = new Map<number, Namespace>();
  readonly #heard = new Map<string, Registration>();

  constructor(parent: OutletSession, incoming: IncomingObjects, peer: () => RelayPeer) {
    this.#parent = parent;
    this.#incoming = incoming;
    this.#peer = peer;
  }

  subscribe(track: TrackName, { start }: UpstreamWish, sink: TrackSink, now: Instant): RelayUpstream {
    const { session, dialect } = this.#parent;
    // Up to draft 18 no filter can name the current group.
    const recent: Parameters = dialect.has("hasTypedFilters") ? {} : { filter: { type: "recent", groups: 1 } };
    const parameters: Parameters = start === "newest-group" ? recent : { filter: { type: "next-group" } };
    const id = session.request({ type: "subscribe", track, parameters: { ...parameters, forward: true } });
    if (id === undefined) {
      sink.refuse({ reason: "going-away", message: "the publisher takes no requests now" }, now);
      return { cancel: () => {} };
    }
    this.#incoming.add(id, sink);
    return {
      cancel: () => {
        this.#incoming.remove(id);
        session.cancel(id);
      },
    };
  }

  /** Asks which namespaces there are below a prefix. */
  watch(prefix: Namespace): void {
    const id = this.#parent.session.request({ type: "subscribe-namespace", prefix, parameters: {} });
    if (id !== undefined) this.#watched.set(id, prefix);
  }

  /** A namespace appeared below a prefix that we watch, or went away: the peer can be asked for it, or not. */
  handleNamespace(requestId: number, suffix: Namespace, isThere: boolean, now: Instant): void {
    const namespace = [...(this.#watched.get(requestId) ?? []), ...suffix];
    const key = namespaceKey(namespace);
    const known = this.#heard.get(key);
    if (isThere && known === undefined) {
      const registration = this.#peer().announce(namespace, now);
      if ("withdraw" in registration) this.#heard.set(key, registration);
    } else if (!isThere && known !== undefined) {
      this.#heard.delete(key);
      known.withdraw(now);
    }
  }
}
