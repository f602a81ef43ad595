/**
 * Routing by address: the next port on a shortest path to the owner of an address. Hosts do not forward. NATs forward
 * only from the inside, and own their outside addresses.
 */

import type { SocketAddress } from "../base/datagrams.ts";
import type { Host } from "./host.ts";
import { type Node, otherEnd, outsidePort, type Port, portTo } from "./topology.ts";

/** The node that owns an address, and the ports through which it can be reached. */
interface Owner {
  readonly node: Node;
  readonly ports: readonly Port[];
}

export class Routes {
  readonly #nodes: readonly Node[];
  readonly #owners = new Map<string, Owner>();
  /** By address: the next port of each node. */
  readonly #tables = new Map<string, ReadonlyMap<Node, Port>>();

  constructor(nodes: readonly Node[]) {
    this.#nodes = nodes;
    this.refresh();
  }

  /** Addresses have changed. */
  refresh(): void {
    this.#owners.clear();
    this.#tables.clear();
    for (const node of this.#nodes) {
      const { element } = node;
      if (element.type === "nat") {
        for (const host of element.options.addresses) this.#owners.set(host, { node, ports: [outsidePort(node)] });
      }
      if (element.type !== "host") continue;
      for (const one of element.hosts) {
        for (const { address, via } of one.addresses) {
          const ports = via === undefined ? node.ports : [portTo(node, via)];
          this.#owners.set(address.host, { node, ports });
        }
      }
    }
  }

  /** The port through which `node` reaches an address; undefined if it cannot. */
  next(node: Node, host: string): Port | undefined {
    let table = this.#tables.get(host);
    if (table === undefined) {
      const owner = this.#owners.get(host);
      table = owner === undefined ? new Map() : shortestPaths(owner);
      this.#tables.set(host, table);
    }
    return table.get(node);
  }

  /** The port through which a host sends. */
  departure(node: Node, sender: Host, { source, destination }: Addresses): Port | undefined {
    if (node.ports.length === 1) return node.ports[0];
    const via = sender.interfaceOf(source);
    return via === undefined ? this.next(node, destination.host) : portTo(node, via);
  }
}

interface Addresses {
  readonly source: SocketAddress;
  readonly destination: SocketAddress;
}

/** Searches breadth first from the owner; for equal lengths, links declared first are preferred. */
function shortestPaths({ node: owner, ports }: Owner): ReadonlyMap<Node, Port> {
  const next = new Map<Node, Port>();
  const queue = ports.map(otherEnd);
  for (const port of queue) {
    const { node } = port;
    if (node === owner || next.has(node)) continue;
    next.set(node, port);
    if (node.element.type === "host") continue;
    // Datagrams pass a NAT only outwards.
    if (node.element.type === "nat" && port !== outsidePort(node)) continue;
    for (const one of node.ports) if (one !== port) queue.push(otherEnd(one));
  }
  return next;
}
