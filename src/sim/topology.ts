/** The graph of a network: nodes with ports, and the edges between them. An array is a line of nodes. */

import { type Rng, SeededRng } from "../base/rng.ts";
import type { Instant } from "../base/time.ts";
import type { Direction, DropReason, SimulatedDatagram } from "./datagram.ts";
import type { Graph, NetworkElement, NodeElement, WireElement } from "./elements.ts";
import { Link, type LinkOptions } from "./link.ts";
import { Nat } from "./nat.ts";

/** A place where datagrams end, fork or change. */
export interface Node {
  readonly element: NodeElement;
  readonly ports: Port[];
  /** Of a NAT. */
  readonly nat: Nat | undefined;
}

/** A node's end of an edge. */
export interface Port {
  readonly node: Node;
  readonly edge: Edge;
  /** The direction of what leaves here. */
  readonly direction: Direction;
  /** The line that leads away from here; undefined if the neighbor is directly attached. */
  readonly line: ScheduledLink | undefined;
}

export interface Edge {
  readonly name: string;
  readonly ends: Port[];
}

/** What the network does with the end of a line. */
export interface LinkOwner {
  onArrival(datagram: SimulatedDatagram, port: Port, at: Instant): void;
  onDrop(datagram: SimulatedDatagram, port: Port, reason: DropReason, at: Instant): void;
}

/** A link with its place in the network's schedule. */
export class ScheduledLink extends Link {
  /** The time of its event in the schedule. */
  scheduledAt: Instant | undefined;
  port: Port | undefined;

  constructor(options: LinkOptions, rng: Rng, owner: LinkOwner) {
    super(options, rng, {
      onArrival: (datagram, at) => owner.onArrival(datagram, otherEnd(this.port!), at),
      onDrop: (datagram, reason, at) => owner.onDrop(datagram, this.port!, reason, at),
    });
  }
}

export function otherEnd(port: Port): Port {
  const [first, second] = port.edge.ends;
  return first === port ? second! : first!;
}

const opposite = (direction: Direction): Direction => (direction === "forward" ? "backward" : "forward");

/** The direction of what arrives at a port. */
export const inbound = (port: Port): Direction => opposite(port.direction);

/** Reads an array: a host, then links and other nodes, then a host. Between two links stands a node that only forwards. */
function readArray(elements: readonly NetworkElement[]): Graph {
  if (elements.length < 2 || elements[0]?.type !== "host" || elements.at(-1)?.type !== "host") {
    throw new TypeError("a network must begin and end with a host");
  }
  const nodes: NodeElement[] = [];
  const links: WireElement[] = [];
  let names = new Set<string>();
  const add = (element: NodeElement, through: WireElement["link"]): void => {
    const name = names.has(element.name) ? `${element.name}-${nodes.length + 1}` : element.name;
    names = names.add(name);
    const node = { ...element, name };
    const previous = nodes.at(-1);
    nodes.push(node);
    if (previous === undefined) return;
    links.push({ from: previous.name, to: name, name: `${previous.name}-${name}`, link: through });
  };
  let pending: WireElement["link"];
  for (const [index, element] of elements.entries()) {
    if (element.type === "link") {
      if (pending !== undefined) add({ type: "relay", name: "joint", tamper: passOn }, pending);
      pending = element;
      continue;
    }
    if (element.type === "host" && index > 0 && index < elements.length - 1) {
      throw new TypeError("hosts stand at the ends of an array; a graph may have more");
    }
    add(element, pending);
    pending = undefined;
  }
  return { nodes, links };
}

const passOn = (datagram: SimulatedDatagram, direction: Direction) => [{ datagram, direction }];

export function buildTopology(
  description: readonly NetworkElement[] | Graph,
  rng: Rng,
  owner: LinkOwner,
): readonly Node[] {
  const graph = "nodes" in description ? description : readArray(description);
  const nodes = new Map<string, Node>();
  for (const element of graph.nodes) {
    if (nodes.has(element.name)) throw new TypeError(`two nodes are named ${element.name}`);
    const given = element.type === "nat" ? new Nat(element.options) : undefined;
    nodes.set(element.name, { element, ports: [], nat: given });
  }
  const find = (name: string): Node => {
    const node = nodes.get(name);
    if (node === undefined) throw new TypeError(`no node is named ${name}`);
    return node;
  };
  for (const { from, to, name, link } of graph.links) {
    const edge: Edge = { name, ends: [] };
    // Each direction has its own source, so that they do not affect each other.
    const lines =
      link === undefined
        ? undefined
        : [link.forward, link.backward].map(
            (options) => new ScheduledLink(options, new SeededRng(rng.uint32()), owner),
          );
    for (const [index, node] of [find(from), find(to)].entries()) {
      const line = lines?.[index];
      const port: Port = { node, edge, direction: index === 0 ? "forward" : "backward", line };
      if (line !== undefined) line.port = port;
      edge.ends.push(port);
      node.ports.push(port);
    }
  }
  for (const node of nodes.values()) checkNode(node);
  return [...nodes.values()];
}

function checkNode({ element, ports }: Node): void {
  const { name } = element;
  if (element.type === "relay" && ports.length !== 2) throw new TypeError(`the relay ${name} needs two neighbors`);
  if (element.type === "nat" && element.options.outside === undefined && ports.length !== 2) {
    throw new TypeError(`the NAT ${name} needs the name of its outside neighbor`);
  }
}

/** The port towards a neighbor. */
export function portTo(node: Node, neighbor: string): Port {
  const port = node.ports.find((one) => otherEnd(one).node.element.name === neighbor);
  if (port === undefined) throw new TypeError(`${node.element.name} has no neighbor ${neighbor}`);
  return port;
}

/** A NAT's port that leads outside. */
export function outsidePort(node: Node): Port {
  const outside = node.element.type === "nat" ? node.element.options.outside : undefined;
  return outside === undefined ? node.ports[1]! : portTo(node, outside);
}
