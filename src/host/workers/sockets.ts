/** Opens the sockets of a server with workers, which the supervisor keeps: TCP for all workers, UDP for each. */

import net from "node:net";
import { getSystemErrorName } from "node:util";
import type { Bindable, BoundAddress } from "../http/listener.ts";
import { type Binding, bindHost } from "../listen/bind.ts";
import type { PreferredAddress } from "../quic/quic-options.ts";
import type { SocketGroup, UdpEngine } from "../udp/udp-socket.ts";
import type { InheritedSocket } from "./messages.ts";

/** How UDP datagrams get to the worker of their connection. */
export type SteeringKind = SocketGroup["steering"];

export interface SocketRequest {
  readonly port: number;
  readonly host: string;
  readonly workers: number;
  /** TCP is always served with UDP, unless a server speaks only one of them. */
  readonly transports: readonly ("tcp" | "udp")[];
  readonly preferred: readonly PreferredAddress[];
  readonly udp: UdpEngine;
  readonly program: Uint8Array<ArrayBuffer>;
}

export interface OpenedSockets {
  readonly addresses: readonly BoundAddress[];
  /** Undefined without UDP. */
  readonly steering: SteeringKind | undefined;
  /** Why UDP has no program, or only one worker. */
  readonly problem: string | undefined;
  /** The sockets of one worker, and the descriptors that it must inherit, which are named by their index. */
  of(worker: number): { readonly sockets: readonly InheritedSocket[]; readonly descriptors: readonly number[] };
  close(): void;
}

export async function openSockets(request: SocketRequest): Promise<OpenedSockets> {
  const tcp = new TcpPorts();
  const udp = new UdpPorts(request);
  const bindings: Binding<Bindable>[] = request.transports.map((transport) => ({
    transport,
    create: () => (transport === "tcp" ? tcp : udp),
  }));
  const { addresses } = await bindHost(bindings, request.host, request.port);
  if (request.transports.includes("udp")) {
    for (const { host, port } of request.preferred) {
      const isServed = addresses.some(
        (each) => each.transport === "udp" && each.port === port && ["::", "0.0.0.0"].includes(each.address),
      );
      if (!isServed) await udp.bind(port, host, true);
    }
  }
  return {
    addresses,
    steering: udp.steering,
    problem: udp.problem,
    of: (worker) => {
      const entries = [...tcp.of(), ...udp.of(worker)];
      const descriptors = entries.flatMap(({ descriptor }) => (descriptor === undefined ? [] : [descriptor]));
      const sockets = entries.map(
        ({ descriptor, ...socket }): InheritedSocket =>
          descriptor === undefined ? socket : { ...socket, descriptor: descriptors.indexOf(descriptor) },
      );
      return { sockets, descriptors };
    },
    close: () => {
      tcp.closeAll();
      udp.closeAll();
    },
  };
}

/** A socket of libuv that is bound and does not listen; Node's cluster uses the same. */
interface TcpHandle {
  readonly fd: number;
  getsockname(out: Partial<net.AddressInfo>): number;
  close(): void;
}

type CreateHandle = (address: string | null, port: number, family: 4 | 6 | null) => TcpHandle | number;

const createHandle = (net as unknown as { readonly _createServerHandle: CreateHandle })._createServerHandle;

class TcpPorts implements Bindable {
  readonly #open: { readonly handle: TcpHandle; readonly socket: InheritedSocket }[] = [];

  async listen(port: number, host: string): Promise<BoundAddress> {
    // Without an address, it falls back to IPv4 if there is no IPv6.
    const handle =
      host === "::" ? createHandle(null, port, null) : createHandle(host, port, host.includes(":") ? 6 : 4);
    if (typeof handle === "number") throw bindError(handle, host, port);
    const bound: Partial<net.AddressInfo> = {};
    // libuv reports a port in use only now.
    const error = handle.getsockname(bound);
    if (error !== 0) {
      handle.close();
      throw bindError(error, host, port);
    }
    const { address, family, port: number } = bound as net.AddressInfo;
    const socket: InheritedSocket = { transport: "tcp", host, requestedPort: port, port: number, isPreferred: false };
    this.#open.push({ handle, socket });
    return { transport: "tcp", address, family: family === "IPv6" ? "IPv6" : "IPv4", port: number };
  }

  of(): readonly InheritedSocket[] {
    return this.#open.map(({ handle, socket }) => ({ ...socket, descriptor: handle.fd }));
  }

  closeAll(): void {
    for (const { handle } of this.#open.splice(0)) handle.close();
  }

  async close(): Promise<void> {
    this.closeAll();
  }
}

class UdpPorts implements Bindable {
  readonly #request: SocketRequest;
  readonly #open: { readonly group: SocketGroup | undefined; readonly socket: InheritedSocket }[] = [];

  constructor(request: SocketRequest) {
    this.#request = request;
  }

  listen(port: number, host: string): Promise<BoundAddress> {
    return this.bind(port, host, false);
  }

  async bind(port: number, host: string, isPreferred: boolean): Promise<BoundAddress> {
    const { udp, workers, program } = this.#request;
    const family = host.includes(":") ? 6 : 4;
    const group = udp.groups?.open({ family, host, port }, workers, program);
    const address = group?.address ?? (await boundAndClosed(udp, port, host));
    const socket: InheritedSocket = {
      transport: "udp",
      host,
      requestedPort: port,
      port: address.port,
      isPreferred,
    };
    this.#open.push({ group, socket });
    return { transport: "udp", address: address.host, family: family === 6 ? "IPv6" : "IPv4", port: address.port };
  }

  get steering(): SteeringKind | undefined {
    const [first] = this.#open;
    if (first === undefined) return undefined;
    if (first.group !== undefined) return first.group.steering;
    return this.#request.udp.shared?.spreads === true ? "addresses" : "single";
  }

  get problem(): string | undefined {
    if (this.#open.length === 0) return undefined;
    const { udp } = this.#request;
    if (udp.groups !== undefined) return this.#open.find(({ group }) => group?.problem !== undefined)?.group?.problem;
    return udp.shared?.spreads === true
      ? "the portable engine has no steering program"
      : `node:dgram of Node ${process.versions.node} cannot share a port`;
  }

  of(worker: number): readonly InheritedSocket[] {
    if (this.steering === "single" && worker > 0) return [];
    return this.#open.map(({ group, socket }) => {
      const descriptor = group?.descriptors[worker];
      return descriptor === undefined ? socket : { ...socket, descriptor };
    });
  }

  closeAll(): void {
    for (const { group } of this.#open.splice(0)) group?.close();
  }

  async close(): Promise<void> {
    this.closeAll();
  }
}

/** An exclusive bind detects other servers, and finds a free port. The workers bind it themselves. */
async function boundAndClosed(udp: UdpEngine, port: number, host: string) {
  const socket = await udp.bind(port, host);
  await socket.close();
  return socket.address;
}

function bindError(errno: number, address: string, port: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(errno);
  return Object.assign(new Error(`bind ${code} ${address}:${port}`), { code, errno, syscall: "bind", address, port });
}
