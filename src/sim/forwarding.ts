/** What nodes do with datagrams: deliver, forward by address, translate, tamper, copy to the members of a group. */

import type { Instant } from "../base/time.ts";
import {
  type CaptureRecord,
  type Direction,
  type DropReason,
  isMulticast,
  type Receiver,
  type SimulatedDatagram,
} from "./datagram.ts";
import type { HostElement, RelayElement } from "./elements.ts";
import type { Host } from "./host.ts";
import { Routes } from "./routes.ts";
import { inbound, type Node, otherEnd, outsidePort, type Port, portTo, type ScheduledLink } from "./topology.ts";

export interface ForwardingOwner {
  now(): Instant;
  readonly capture: ((record: CaptureRecord) => void) | undefined;
  offer(line: ScheduledLink, datagram: SimulatedDatagram): void;
  deliver(host: Host, datagram: SimulatedDatagram): void;
}

export class Forwarding {
  readonly #nodes: readonly Node[];
  readonly #routes: Routes;
  readonly #owner: ForwardingOwner;

  constructor(nodes: readonly Node[], owner: ForwardingOwner) {
    this.#nodes = nodes;
    this.#routes = new Routes(nodes);
    this.#owner = owner;
  }

  refreshRoutes(): void {
    this.#routes.refresh();
  }

  lineBetween(from: string, to: string): ScheduledLink {
    const node = this.#nodes.find(({ element }) => element.name === from);
    if (node === undefined) throw new TypeError(`no node is named ${from}`);
    const { line } = portTo(node, to);
    if (line === undefined) throw new TypeError(`there is no link between ${from} and ${to}`);
    return line;
  }

  /** A host sends. */
  send(node: Node, sender: Host, datagram: SimulatedDatagram): void {
    const departure = this.#routes.departure(node, sender, datagram);
    this.#capture("sent", datagram, (departure ?? node.ports[0])?.direction ?? "forward", sender.name);
    if (isMulticast(datagram.destination)) {
      const receivers = this.#members(datagram).filter((one) => one !== sender);
      this.#copy(node, undefined, { ...datagram, receivers });
    } else if (departure !== undefined) this.#leave(departure, datagram);
    else this.#drop(node, datagram, "forward", "no-route");
  }

  /** A datagram comes out of a line. */
  arriveFromLine(datagram: SimulatedDatagram, port: Port): void {
    this.#capture("carried", datagram, inbound(port), port.edge.name);
    this.#arrive(datagram, port);
  }

  #leave(port: Port, datagram: SimulatedDatagram): void {
    if (port.line === undefined) this.#arrive(datagram, otherEnd(port));
    else this.#owner.offer(port.line, datagram);
  }

  #forward(port: Port, datagram: SimulatedDatagram): void {
    this.#capture("forwarded", datagram, port.direction, port.node.element.name);
    this.#leave(port, datagram);
  }

  /** A datagram has reached a node. */
  #arrive(datagram: SimulatedDatagram, port: Port): void {
    const { node } = port;
    const { element } = node;
    if (element.type === "relay") this.#tamper(element, datagram, port);
    else if (datagram.receivers !== undefined) this.#copy(node, port, datagram);
    else if (element.type === "host") this.#deliver(element, datagram, port);
    else if (element.type === "nat") this.#translate(node, datagram, port);
    else this.#route(node, element.defaultRoute, datagram, port);
  }

  #deliver({ hosts }: HostElement, datagram: SimulatedDatagram, port: Port): void {
    const receiver = hosts.find((one) => one.accepts(datagram.destination));
    if (receiver === undefined) this.#drop(port.node, datagram, inbound(port), "no-route");
    else this.#handOver(receiver, datagram, inbound(port));
  }

  #handOver(receiver: Host, datagram: SimulatedDatagram, direction: Direction): void {
    this.#capture("delivered", datagram, direction, receiver.name);
    this.#owner.deliver(receiver, datagram);
  }

  #route(node: Node, defaultRoute: string | undefined, datagram: SimulatedDatagram, from: Port): void {
    const known = this.#routes.next(node, datagram.destination.host);
    const next = known ?? (defaultRoute === undefined ? undefined : portTo(node, defaultRoute));
    if (next === undefined || next === from) this.#drop(node, datagram, inbound(from), "no-route");
    else this.#forward(next, datagram);
  }

  #translate(node: Node, datagram: SimulatedDatagram, from: Port): void {
    const outside = outsidePort(node);
    const now = this.#owner.now();
    if (from !== outside) {
      this.#forward(outside, node.nat!.outward(datagram, now));
      return;
    }
    const translated = node.nat!.inward(datagram, now);
    if (translated === undefined) {
      this.#drop(node, datagram, inbound(from), "filtered");
      return;
    }
    const inside = node.ports.filter((port) => port !== outside);
    const next = inside.length === 1 ? inside[0] : this.#routes.next(node, translated.destination.host);
    if (next === undefined) this.#drop(node, translated, inbound(from), "no-route");
    else this.#forward(next, translated);
  }

  #tamper({ tamper }: RelayElement, datagram: SimulatedDatagram, from: Port): void {
    for (const next of tamper(datagram, inbound(from), this.#owner.now())) {
      const port = from.node.ports.find(({ direction }) => direction === next.direction);
      this.#forward(port!, next.datagram);
    }
  }

  #members({ destination }: SimulatedDatagram): readonly Host[] {
    return this.#nodes.flatMap(({ element }) =>
      element.type === "host" ? element.hosts.filter((one) => one.isMember(destination)) : [],
    );
  }

  /** Delivers to the receivers at this node, and sends one copy to each neighbor on the way to others. */
  #copy(node: Node, from: Port | undefined, datagram: SimulatedDatagram): void {
    const { receivers: _, ...plain } = datagram;
    const direction = from === undefined ? "forward" : inbound(from);
    const onward = new Map<Port, Receiver[]>();
    for (const receiver of datagram.receivers!) {
      const { element } = node;
      const local = element.type === "host" ? element.hosts.find((one) => one === receiver) : undefined;
      if (local !== undefined) {
        // It may have left the group since.
        if (local.isMember(datagram.destination)) this.#handOver(local, plain, direction);
        else this.#drop(node, plain, direction, "no-route");
        continue;
      }
      const next = this.#routes.next(node, receiver.address.host);
      if (next === undefined || next === from) continue;
      const others = onward.get(next);
      if (others === undefined) onward.set(next, [receiver]);
      else others.push(receiver);
    }
    for (const [port, receivers] of onward) {
      if (from === undefined) this.#leave(port, { ...plain, receivers });
      else this.#forward(port, { ...plain, receivers });
    }
  }

  #drop({ element }: Node, datagram: SimulatedDatagram, direction: Direction, reason: DropReason): void {
    const time = this.#owner.now();
    this.#owner.capture?.({ time, what: "dropped", datagram, direction, place: element.name, reason });
  }

  #capture(
    what: Exclude<CaptureRecord["what"], "dropped">,
    datagram: SimulatedDatagram,
    direction: Direction,
    place: string,
  ): void {
    this.#owner.capture?.({ time: this.#owner.now(), what, datagram, direction, place });
  }
}
