/** UDP sockets of our stack with the members of `dgram.Socket`. */

import { EventEmitter } from "node:events";
import type { UdpBinding, UdpDatagram, UdpEnd } from "../../udp/index.ts";
import { formatIpAddress, parseIpAddress } from "../../wire/ip-address.ts";
import { type Fault, guard } from "../guard.ts";
import { portOf } from "./connect-arguments.ts";
import type { StackDriver } from "./driver.ts";
import { SocketError, type SocketErrorCode } from "./socket-error.ts";

/** Where a datagram came from. */
export interface UdpRemoteInfo {
  readonly address: string;
  readonly family: "IPv4" | "IPv6";
  readonly port: number;
  /** Bytes of the payload. */
  readonly size: number;
}

/** The options of `createSocket`. */
export interface UdpSocketOptions {
  readonly type: "udp4" | "udp6";
}

type SendCallback = (error: Error | null, bytes?: number) => void;

/** A UDP socket with the members of `dgram.Socket`. */
export class UdpSocketOfStack extends EventEmitter {
  readonly #driver: StackDriver;
  readonly #version: 4 | 6;
  #binding: UdpBinding | undefined;
  #ttl: number | undefined;
  #isClosed = false;
  #isReferenced = true;

  constructor(driver: StackDriver, version: 4 | 6) {
    super();
    this.#driver = driver;
    this.#version = version;
  }

  /** `bind(port?, address?, callback?)`, or with an object. */
  bind(
    target: number | { readonly port?: number; readonly address?: string } | (() => void) = 0,
    ...rest: (string | (() => void) | undefined)[]
  ): this {
    const given =
      typeof target === "object"
        ? target
        : { port: typeof target === "number" ? target : 0, address: rest.find((each) => typeof each === "string") };
    const callback = typeof target === "function" ? target : rest.find((each) => typeof each === "function");
    if (callback !== undefined) this.once("listening", callback);
    const error = this.#bind(portOf(given.port ?? 0), given.address);
    this.#driver.later(() => {
      if (error !== undefined) this.emit("error", error);
      else if (!this.#isClosed) this.emit("listening");
    });
    return this;
  }

  #bind(port: number, host: string | undefined): SocketError | undefined {
    const isAny = host === undefined || host === "0.0.0.0" || host === "::";
    const address = isAny ? undefined : parseIpAddress(host);
    const isOwn = isAny || (address !== undefined && this.#driver.stack.ip.isOwn(address));
    if (this.#isClosed || this.#binding !== undefined) return new SocketError("bind", "EINVAL");
    if (!isOwn) return new SocketError("bind", "EADDRNOTAVAIL", { name: host, port });
    const binding = this.#driver.stack.udp.bind({ version: this.#version, address, port });
    if (binding === undefined) {
      return new SocketError("bind", "EADDRINUSE", { address: address ?? new Uint8Array(4), port });
    }
    this.#binding = binding;
    if (this.#isReferenced) this.#driver.liveness.hold(this);
    binding.onDatagram = (datagram) => this.#receive(datagram);
    binding.onError = (kind, destination) => {
      // As Linux: only connected sockets learn of errors.
      if (binding.remote === undefined) return;
      const code = kind === "port-unreachable" ? "ECONNREFUSED" : "EHOSTUNREACH";
      this.emit("error", new SocketError("recvmsg", code, destination));
    };
    return undefined;
  }

  /** `connect(port, address?, callback?)`: receives from there alone. */
  connect(port: number, ...rest: (string | (() => void) | undefined)[]): void {
    const host = rest.find((each) => typeof each === "string");
    const callback = rest.find((each) => typeof each === "function");
    if (callback !== undefined) this.once("connect", callback);
    const to = portOf(port);
    this.#resolve(host, (remote) => {
      const error =
        remote instanceof Error ? remote : this.#binding === undefined ? this.#bind(0, undefined) : undefined;
      if (error === undefined) this.#binding!.remote = { address: remote as Uint8Array, port: to };
      this.#driver.later(() => {
        if (error === undefined) this.emit("connect");
        else this.emit("error", error);
      });
    });
  }

  /** Receives from everywhere again. */
  disconnect(): void {
    if (this.#binding?.remote === undefined) throw new SocketError("disconnect", "ENOTCONN");
    this.#binding.remote = undefined;
  }

  /**
   * `send(bytes, port?, address?, callback?)` or `send(bytes, offset, length, port?, address?, callback?)`; without port
   * and address on a connected socket.
   */
  send(
    bytes: Uint8Array | string | readonly (Uint8Array | string)[],
    ...rest: (number | string | SendCallback | undefined)[]
  ): void {
    const callback = rest.find((each) => typeof each === "function");
    const host = rest.find((each) => typeof each === "string");
    const numbers = rest.filter((each) => typeof each === "number");
    const whole = bytesOf(bytes);
    const [offset, length] = numbers.length >= 2 ? (numbers as [number, number]) : [0, whole.length];
    const port = numbers.length >= 2 ? numbers[2] : numbers[0];
    // As the kernel does, because the caller may change the bytes afterwards.
    const payload = new Uint8Array(whole.subarray(offset, offset + length));
    const finish = (error: Error | undefined): void => {
      if (callback !== undefined) this.#driver.later(() => callback(error ?? null, payload.length));
      else if (error !== undefined) this.#driver.later(() => this.emit("error", error));
    };
    if (port === undefined) {
      finish(this.#send(payload, this.#binding?.remote));
      return;
    }
    this.#resolve(host, (address) => {
      finish(address instanceof Error ? address : this.#send(payload, { address, port: portOf(port) }));
    });
  }

  #send(payload: Uint8Array, to: UdpEnd | undefined): SocketError | undefined {
    if (this.#isClosed) return new SocketError("send", "EINVAL");
    if (to === undefined) return new SocketError("send", "ENOTCONN");
    if (this.#binding === undefined) {
      const error = this.#bind(0, undefined);
      if (error !== undefined) return error;
    }
    if ((to.address.length === 4) !== (this.#version === 4)) return new SocketError("send", "EINVAL", to);
    const options = this.#ttl === undefined ? {} : { hopLimit: this.#ttl };
    const result = this.#binding!.send(payload, to, this.#driver.clock.now(), options);
    this.#driver.schedule();
    const code: SocketErrorCode | undefined =
      result === "too-big" ? "EMSGSIZE" : result === "no-route" || result === "no-source" ? "ENETUNREACH" : undefined;
    return code === undefined ? undefined : new SocketError("send", code, to);
  }

  /** The first address of this socket's version. */
  #resolve(host = this.#version === 4 ? "127.0.0.1" : "::1", found: (address: Uint8Array | Error) => void): void {
    const length = this.#version === 4 ? 4 : 16;
    const onFault = (fault: Fault): void => {
      this.#driver.onFault(fault);
    };
    const settle = guard("netstack name", onFault, (result: readonly Uint8Array[] | Error) => {
      if (result instanceof Error) found(result);
      else found(result.find((each) => each.length === length) ?? new SocketError("send", "EINVAL", { name: host }));
    });
    this.#driver.names.resolve(host, settle);
  }

  #receive({ payload, remote }: UdpDatagram): void {
    const rinfo: UdpRemoteInfo = {
      address: formatIpAddress(remote.address),
      family: this.#version === 4 ? "IPv4" : "IPv6",
      port: remote.port,
      size: payload.length,
    };
    this.emit("message", Buffer.from(payload), rinfo);
  }

  /** The local end. Throws before there is one. */
  address(): { address: string; family: string; port: number } {
    if (this.#binding === undefined) throw new SocketError("getsockname", "EINVAL");
    const { address, port } = this.#binding;
    const any = this.#version === 4 ? "0.0.0.0" : "::";
    const text = address === undefined ? any : formatIpAddress(address);
    return { address: text, family: this.#version === 4 ? "IPv4" : "IPv6", port };
  }

  /** The other end of a connected socket. Throws if it is not connected. */
  remoteAddress(): { address: string; family: string; port: number } {
    const remote = this.#binding?.remote;
    if (remote === undefined) throw new SocketError("getpeername", "ENOTCONN");
    const family = this.#version === 4 ? "IPv4" : "IPv6";
    return { address: formatIpAddress(remote.address), family, port: remote.port };
  }

  /** The hop limit of what is sent. */
  setTTL(ttl: number): number {
    this.#ttl = ttl;
    return ttl;
  }

  /** The same as `setTTL`. */
  setMulticastTTL(ttl: number): number {
    return this.setTTL(ttl);
  }

  /** Broadcasts need no permission here. */
  setBroadcast(): void {}

  /** Does nothing: datagrams are delivered as they arrive. */
  setRecvBufferSize(): void {}

  /** Does nothing: datagrams are sent at once. */
  setSendBufferSize(): void {}

  /** Keeps the process alive while the socket is open, which is the default. */
  ref(): this {
    this.#isReferenced = true;
    if (this.#binding !== undefined && !this.#isClosed) this.#driver.liveness.hold(this);
    return this;
  }

  /** Lets the process exit while the socket is open. */
  unref(): this {
    this.#isReferenced = false;
    this.#driver.liveness.release(this);
    return this;
  }

  /** Closes the socket; 'close' follows. */
  close(callback?: () => void): this {
    if (this.#isClosed) return this;
    this.#isClosed = true;
    if (callback !== undefined) this.once("close", callback);
    this.#binding?.close();
    this.#driver.liveness.release(this);
    this.#driver.later(() => this.emit("close"));
    return this;
  }

  /** Closes the socket. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isClosed) await new Promise<void>((resolve) => this.close(resolve));
  }
}

function bytesOf(given: Uint8Array | string | readonly (Uint8Array | string)[]): Uint8Array {
  if (typeof given === "string") return Buffer.from(given);
  if (given instanceof Uint8Array) return given;
  return Buffer.concat(given.map((part) => (typeof part === "string" ? Buffer.from(part) : part)));
}
