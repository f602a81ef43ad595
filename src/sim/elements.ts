/** What networks are made of: hosts, links, and the nodes between them. */

import type { Instant } from "../base/time.ts";
import type { Direction, SimulatedDatagram } from "./datagram.ts";
import { Host, type HostOptions } from "./host.ts";
import type { LinkOptions } from "./link.ts";
import type { NatOptions } from "./nat.ts";

/**
 * An observer between two links that sees every datagram and returns what to forward instead: the same, another,
 * several, or none. To send a datagram back, it reverses the direction.
 */
export type Tamper = (datagram: SimulatedDatagram, direction: Direction, now: Instant) => readonly Forwarded[];

export interface Forwarded {
  readonly datagram: SimulatedDatagram;
  readonly direction: Direction;
}

export interface HostElement {
  readonly type: "host";
  readonly name: string;
  readonly hosts: readonly Host[];
}

export interface RouterElement {
  readonly type: "router";
  readonly name: string;
  readonly defaultRoute: string | undefined;
}

export interface NatElement {
  readonly type: "nat";
  readonly name: string;
  readonly options: NatOptions;
}

export interface RelayElement {
  readonly type: "relay";
  readonly name: string;
  readonly tamper: Tamper;
}

export interface LinkElement {
  readonly type: "link";
  readonly forward: LinkOptions;
  readonly backward: LinkOptions;
}

export type NodeElement = HostElement | RouterElement | NatElement | RelayElement;
/** An element of an array that describes a network. */
export type NetworkElement = NodeElement | LinkElement;

/** One or several hosts at one place; they share its links. The place has the name of the first. */
export function host<Event>(...options: HostOptions<Event>[]): HostElement {
  const hosts = options.map((one) => new Host(one) as Host);
  return { type: "host", name: hosts[0]?.name ?? "", hosts };
}

/** A link with the same properties in both directions, or separate ones for each. */
export function link(forward: LinkOptions, backward: LinkOptions = forward): LinkElement {
  return { type: "link", forward, backward };
}

/** Stands between two neighbors. */
export function relay(tamper: Tamper, name = "relay"): RelayElement {
  return { type: "relay", name, tamper };
}

/**
 * Forwards by destination on a shortest path, and copies multicast datagrams. What it has no route for goes to the
 * neighbor `defaultRoute`, if given.
 */
export function router(name: string, options: { readonly defaultRoute?: string } = {}): RouterElement {
  return { type: "router", name, defaultRoute: options.defaultRoute };
}

export function nat(options: NatOptions): NatElement {
  return { type: "nat", name: options.name ?? "nat", options };
}

/** A link of a graph, between two nodes. */
export interface WireElement {
  readonly from: string;
  readonly to: string;
  readonly name: string;
  readonly link: LinkElement | undefined;
}

/** A link between two named nodes; `forward` leads from the first to the second. */
export function wire(from: string, to: string, forward: LinkOptions, backward: LinkOptions = forward): WireElement {
  return { from, to, name: `${from}-${to}`, link: link(forward, backward) };
}

/** Nodes with unique names, and the links between them. */
export interface Graph {
  readonly nodes: readonly NodeElement[];
  readonly links: readonly WireElement[];
}
