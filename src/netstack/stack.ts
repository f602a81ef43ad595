/**
 * A whole host without I/O: interfaces, IP, UDP and TCP as one machine, driven by a TAP device, a simulated cable or a
 * browser page. Calling order for a driver: frames arrive through the devices, `handleTimeout` as time passes; then
 * `flush`, let the application act, `flush` again, and ask `nextTimeout`.
 */

import type { Rng } from "../base/rng.ts";
import { earliest, type Instant } from "../base/time.ts";
import type { IcmpError, InterfaceOptions, NetInterface } from "../ip/index.ts";
import { IpLayer, type IpOptions, type IpPacket, Protocol, type Verdict } from "../ip/index.ts";
import { TcpEndpoint, type TcpEndpointOptions } from "../tcp/index.ts";
import { UdpEndpoint } from "../udp/index.ts";

export interface StackInterface extends InterfaceOptions {
  /** The default routers, one per version. */
  readonly gateways?: readonly Uint8Array[];
}

export interface StackOptions {
  readonly interfaces: readonly StackInterface[];
  readonly rng: Rng;
  readonly ip?: IpOptions;
  readonly tcp?: TcpEndpointOptions;
  readonly onEchoReply?: (packet: IpPacket, now: Instant) => void;
  /** An address became usable, or another station has it. */
  readonly onAddress?: (address: Uint8Array, state: "owned" | "lost", now: Instant) => void;
}

export class Stack {
  readonly ip: IpLayer;
  readonly udp: UdpEndpoint;
  readonly tcp: TcpEndpoint;
  readonly interfaces: readonly NetInterface[];

  constructor({ interfaces, rng, ip, tcp, onEchoReply, onAddress }: StackOptions, now: Instant) {
    this.ip = new IpLayer(
      {
        onPacket: (packet, at) => this.#handlePacket(packet, at),
        onIcmpError: (error, at) => this.#handleError(error, at),
        ...(onEchoReply === undefined ? {} : { onEchoReply }),
        ...(onAddress === undefined ? {} : { onAddress }),
      },
      rng,
      ip,
    );
    this.udp = new UdpEndpoint({ send: (packet, at) => this.ip.send(packet, at) }, rng);
    this.tcp = new TcpEndpoint(
      {
        send: (packet, at) => this.ip.send(packet, at),
        path: (destination, source, at) => this.ip.path(destination, source, at),
        isOwn: (address) => this.ip.isOwn(address),
        confirm: (remote, at) => this.ip.confirm(remote, at),
        suspect: (remote, at) => this.ip.suspect(remote, at),
      },
      rng,
      tcp,
    );
    this.interfaces = interfaces.map(({ gateways = [], ...options }) => {
      const added = this.ip.addInterface(options, now);
      for (const gateway of gateways) {
        const prefix = { address: new Uint8Array(gateway.length), length: 0 };
        this.ip.routes.add({ prefix, interface: added, gateway });
      }
      return added;
    });
  }

  handleTimeout(now: Instant): void {
    this.ip.handleTimeout(now);
    this.tcp.handleTimeout(now);
  }

  /** Sends what the transports have to send. */
  flush(now: Instant): void {
    this.tcp.flush(now);
  }

  nextTimeout(): Instant | undefined {
    return earliest(this.ip.nextTimeout(), this.tcp.nextTimeout());
  }

  #handlePacket(packet: IpPacket, now: Instant): Verdict {
    if (packet.protocol === Protocol.udp) return this.udp.handle(packet, now) ? "accepted" : "port-unreachable";
    if (packet.protocol !== Protocol.tcp) return "protocol-unreachable";
    this.tcp.handle(packet, !this.ip.isOwn(packet.destination), now);
    return "accepted";
  }

  #handleError(error: IcmpError, now: Instant): boolean {
    if (error.protocol === Protocol.udp) return this.udp.handleError(error, now);
    return error.protocol === Protocol.tcp && this.tcp.handleError(error, now);
  }
}
