/** The tree of namespaces: what is published where, who can be asked, and who watches. */

import { fromLatin1 } from "../../wire/text.ts";
import type { Namespace, TrackName } from "../moq/model.ts";

/** A peer's announcement, or one of its tracks: it makes a namespace visible. */
export interface Presence<Peer> {
  readonly peer: Peer;
  readonly namespace: Namespace;
}

/** One that watches a prefix. */
export interface Watch<Peer> {
  readonly peer: Peer;
  readonly prefix: Namespace;
  readonly appeared: (namespace: Namespace) => void;
  readonly gone: (namespace: Namespace) => void;
}

/** What the tree keeps of a track. */
interface NamedTrack {
  readonly name: TrackName;
}

class NameNode<Peer extends object, Track extends NamedTrack> {
  readonly children = new Map<string, NameNode<Peer, Track>>();
  readonly namespace: Namespace;
  readonly parent: NameNode<Peer, Track> | undefined;
  /** The newest last. */
  readonly announcements: Presence<Peer>[] = [];
  /** Peers that push tracks here, with how many. */
  readonly pushing = new Map<object, number>();
  readonly watches = new Set<Watch<Peer>>();
  readonly tracks = new Map<string, Track>();

  constructor(namespace: Namespace, parent: NameNode<Peer, Track> | undefined) {
    this.namespace = namespace;
    this.parent = parent;
  }

  get isEmpty(): boolean {
    return (
      this.children.size + this.announcements.length + this.pushing.size + this.watches.size + this.tracks.size === 0
    );
  }

  /** True if another peer makes it visible. */
  isVisibleTo(peer: object): boolean {
    return (
      this.announcements.some((each) => each.peer !== peer) || [...this.pushing.keys()].some((each) => each !== peer)
    );
  }
}

/** All names of a relay. */
export class NameTree<Peer extends object, Track extends NamedTrack> {
  readonly #root = new NameNode<Peer, Track>([], undefined);

  // ── Announcements ─────────────────────────────────────────────────────────────────────────────────────────────────

  announce(presence: Presence<Peer>): void {
    const node = this.#make(presence.namespace);
    this.#changing(node, () => node.announcements.push(presence));
  }

  withdraw(presence: Presence<Peer>): void {
    const node = this.#find(presence.namespace);
    if (node === undefined) return;
    this.#changing(node, () => {
      const index = node.announcements.indexOf(presence);
      if (index >= 0) node.announcements.splice(index, 1);
    });
    this.#prune(node);
  }

  /** Peers that can be asked for what is in a namespace: the longest prefix first, and in it the newest. */
  announcersOf(namespace: Namespace): Peer[] {
    const path = [...this.#path(namespace)].reverse();
    return path.flatMap(({ announcements }) => announcements.map(({ peer }) => peer).reverse());
  }

  // ── Tracks ────────────────────────────────────────────────────────────────────────────────────────────────────────

  track({ namespace, name }: TrackName): Track | undefined {
    return this.#find(namespace)?.tracks.get(fromLatin1(name));
  }

  addTrack(track: Track): void {
    this.#make(track.name.namespace).tracks.set(fromLatin1(track.name.name), track);
  }

  removeTrack({ name: { namespace, name } }: Track): void {
    const node = this.#find(namespace);
    if (node === undefined) return;
    node.tracks.delete(fromLatin1(name));
    this.#prune(node);
  }

  /** Tracks of a namespace, and of all below it. */
  *tracksBelow(prefix: Namespace): Iterable<Track> {
    for (const node of this.#below(prefix)) yield* node.tracks.values();
  }

  /** A peer begins (1) or ends (-1) to push a track of a namespace. */
  push(namespace: Namespace, peer: object, change: 1 | -1): void {
    const node = this.#make(namespace);
    this.#changing(node, () => {
      const count = (node.pushing.get(peer) ?? 0) + change;
      if (count > 0) node.pushing.set(peer, count);
      else node.pushing.delete(peer);
    });
    this.#prune(node);
  }

  // ── Watches ───────────────────────────────────────────────────────────────────────────────────────────────────────

  watch(watch: Watch<Peer>): void {
    this.#make(watch.prefix).watches.add(watch);
    for (const node of [...this.#below(watch.prefix)]) if (node.isVisibleTo(watch.peer)) watch.appeared(node.namespace);
  }

  unwatch(watch: Watch<Peer>): void {
    const node = this.#find(watch.prefix);
    if (node === undefined) return;
    node.watches.delete(watch);
    this.#prune(node);
  }

  // ── Inside ────────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Tells those that watch what a change made visible, or hid. */
  #changing(node: NameNode<Peer, Track>, change: () => void): void {
    const watches = [...this.#path(node.namespace)].flatMap((each) => [...each.watches]);
    const before = watches.map(({ peer }) => node.isVisibleTo(peer));
    change();
    for (const [index, watch] of watches.entries()) {
      const isVisible = node.isVisibleTo(watch.peer);
      if (isVisible === before[index]) continue;
      if (isVisible) watch.appeared(node.namespace);
      else watch.gone(node.namespace);
    }
  }

  /** The nodes from the root to a namespace, as far as there are any. */
  *#path(namespace: Namespace): Iterable<NameNode<Peer, Track>> {
    let node: NameNode<Peer, Track> | undefined = this.#root;
    yield node;
    for (const field of namespace) {
      node = node.children.get(fromLatin1(field));
      if (node === undefined) return;
      yield node;
    }
  }

  #find(namespace: Namespace): NameNode<Peer, Track> | undefined {
    let node: NameNode<Peer, Track> | undefined = this.#root;
    for (const field of namespace) {
      node = node.children.get(fromLatin1(field));
      if (node === undefined) return undefined;
    }
    return node;
  }

  #make(namespace: Namespace): NameNode<Peer, Track> {
    let node = this.#root;
    for (const [index, field] of namespace.entries()) {
      const key = fromLatin1(field);
      let child = node.children.get(key);
      if (child === undefined) {
        child = new NameNode(namespace.slice(0, index + 1), node);
        node.children.set(key, child);
      }
      node = child;
    }
    return node;
  }

  *#below(prefix: Namespace): Iterable<NameNode<Peer, Track>> {
    const first = this.#find(prefix);
    const left = first === undefined ? [] : [first];
    for (let node = left.pop(); node !== undefined; node = left.pop()) {
      yield node;
      left.push(...node.children.values());
    }
  }

  #prune(from: NameNode<Peer, Track>): void {
    let node = from;
    while (node.isEmpty && node.parent !== undefined) {
      node.parent.children.delete(fromLatin1(node.namespace.at(-1)!));
      node = node.parent;
    }
  }
}

/** True if a namespace is a prefix, or below it. */
export const isBelow = (namespace: Namespace, prefix: Namespace): boolean =>
  prefix.length <= namespace.length &&
  prefix.every((field, index) => {
    const other = namespace[index]!;
    return field.length === other.length && field.every((byte, at) => byte === other[at]);
  });
