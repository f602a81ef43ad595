/** UDP sockets of our stack with the members of `dgram.Socket`. */

import { EventEmitter } from "node:events";
import type { UdpBinding, UdpDatagram } from "../../udp/index.ts";
import { formatIpAddress, parseIpAddress } from "../../wire/ip-address.ts";
import type { StackDriver } from "./driver.ts";
import { SocketError, type SocketErrorCode } from "./socket-error.ts";

export interface RemoteInfo {
  readonly address: string;
  readonly family: "IPv4" | "IPv6";
  readonly port: number;
  readonly size: number;
}

export class UdpSocketOfStack extends EventEmitter {
  readonly #driver: StackDriver;
  readonly #version: 4 | 6;
  #binding: UdpBinding | undefined;
  #ttl: number | undefined;
  #isClosed = false;

  constructor(driver: StackDriver, version: 4 | 6) {
    super();
    this.#driver = driver;
    this.#version = version;
  }

  /** `bind(port?, address?, callback?)`, or with an object. */
  bind(
    target: number | { readonly port?: number; readonly address?: string } = 0,
    ...rest: (string | (() => void) | undefined)[]
  ): this {
    const given =
      typeof target === "number" ? { port: target, address: rest.find((each) => typeof each === "string") } : target;
    const callback = rest.find((each) => typeof each === "function");
    if (callback !== undefined) this.once("listening", callback);
    const error = this.#bind(given.port ?? 0, given.address);
    this.#driver.later(() => {
      if (error === undefined) this.emit("listening");
      else this.emit("error", error);
    });
    return this;
  }

  #bind(port: number, host: string | undefined): SocketError | undefined {
    const isAny = host === undefined || host === "0.0.0.0" || host === "::";
    const address = isAny ? undefined : parseIpAddress(host);
    const isOwn = isAny || (address !== undefined && this.#driver.stack.ip.isOwn(address));
    if (!isOwn) return new SocketError("bind", "EADDRNOTAVAIL");
    const binding = this.#driver.stack.udp.bind({ version: this.#version, address, port });
    if (binding === undefined) {
      return new SocketError("bind", "EADDRINUSE", { address: address ?? new Uint8Array(4), port });
    }
    this.#binding = binding;
    binding.onDatagram = (datagram) => this.#receive(datagram);
    binding.onError = (kind, destination) => {
      // As Linux: only connected sockets learn of errors.
      if (binding.remote === undefined) return;
      this.emit(
        "error",
        new SocketError("recvmsg", kind === "port-unreachable" ? "ECONNREFUSED" : "EHOSTUNREACH", destination),
      );
    };
    return undefined;
  }

  connect(port: number, host: string, callback?: () => void): void {
    if (this.#binding === undefined) this.#bind(0, undefined);
    this.#binding!.remote = { address: parseIpAddress(host) ?? new Uint8Array(4), port };
    if (callback !== undefined) this.once("connect", callback);
    this.#driver.later(() => this.emit("connect"));
  }

  /** `send(bytes, port, address, callback?)`; without port and address on a connected socket. */
  send(bytes: Uint8Array | string, ...rest: (number | string | ((error: Error | null) => void) | undefined)[]): void {
    const callback = rest.find((each) => typeof each === "function");
    const port = rest.find((each) => typeof each === "number");
    const host = rest.find((each) => typeof each === "string") ?? (this.#version === 4 ? "127.0.0.1" : "::1");
    const error = this.#send(typeof bytes === "string" ? Buffer.from(bytes) : bytes, port, host);
    if (callback !== undefined) this.#driver.later(() => callback(error ?? null));
    else if (error !== undefined) this.#driver.later(() => this.emit("error", error));
  }

  #send(payload: Uint8Array, port: number | undefined, host: string): SocketError | undefined {
    if (this.#isClosed) return new SocketError("send", "EINVAL");
    if (this.#binding === undefined) {
      const error = this.#bind(0, undefined);
      if (error !== undefined) return error;
    }
    const binding = this.#binding!;
    const address = parseIpAddress(host);
    const to = port === undefined ? binding.remote : address === undefined ? undefined : { address, port };
    if (to === undefined || (to.address.length === 4) !== (this.#version === 4))
      return new SocketError("send", "EINVAL");
    const options = this.#ttl === undefined ? {} : { hopLimit: this.#ttl };
    const result = binding.send(payload, to, this.#driver.clock.now(), options);
    this.#driver.schedule();
    const code: SocketErrorCode | undefined =
      result === "too-big" ? "EMSGSIZE" : result === "no-route" || result === "no-source" ? "ENETUNREACH" : undefined;
    return code === undefined ? undefined : new SocketError("send", code, to);
  }

  #receive({ payload, remote }: UdpDatagram): void {
    const rinfo: RemoteInfo = {
      address: formatIpAddress(remote.address),
      family: this.#version === 4 ? "IPv4" : "IPv6",
      port: remote.port,
      size: payload.length,
    };
    this.emit("message", Buffer.from(payload), rinfo);
  }

  address(): { address: string; family: string; port: number } {
    const { address, port } = this.#binding ?? {};
    const any = this.#version === 4 ? "0.0.0.0" : "::";
    const text = address === undefined ? any : formatIpAddress(address);
    return { address: text, family: this.#version === 4 ? "IPv4" : "IPv6", port: port ?? 0 };
  }

  setTTL(ttl: number): number {
    this.#ttl = ttl;
    return ttl;
  }

  setRecvBufferSize(): void {}

  setSendBufferSize(): void {}

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  close(callback?: () => void): this {
    if (this.#isClosed) return this;
    this.#isClosed = true;
    if (callback !== undefined) this.once("close", callback);
    this.#binding?.close();
    this.#driver.later(() => this.emit("close"));
    return this;
  }
}
