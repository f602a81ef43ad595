/**
 * A foreign-function interface, as far as the fast engines need it: functions of the process's own libraries (libc,
 * OpenSSL), called with numbers. Addresses are numbers, which are exact below 2^53; a process uses 47 bits. A host
 * provides the interface; the `koffi` package has this shape.
 */

export interface ForeignFunctions {
  readonly version: string;
  /** With null, the symbols of the process itself and of the libraries that it has loaded. */
  load(path: string | null): ForeignLibrary;
  /** The address of a view's first byte. */
  address(view: ArrayBufferView): bigint;
  /** The type of a function, for `decode`. */
  proto(result: string, parameters: readonly string[]): object;
  /** The function at an address. */
  decode(address: bigint, type: object): (...values: number[]) => number;
  /** The error of the last call. Another call overwrites it. */
  errno(): number;
  readonly node: {
    /** Watches a socket. The watcher ends when the returned object is closed, and also when it is collected. */
    poll(descriptor: number, events: PollEvents, callback: (status: number, events: PollEvents) => void): PollHandle;
  };
}

export interface ForeignLibrary {
  /** Throws if there is no such symbol. */
  func(name: string, result: string, parameters: readonly string[]): (...values: number[]) => number;
}

export interface PollEvents {
  readonly readable: boolean;
  readonly writable: boolean;
}

export interface PollHandle {
  start(events: PollEvents, callback: (status: number, events: PollEvents) => void): void;
  close(): void;
  ref(): void;
  unref(): void;
}

/**
 * Memory for foreign functions. It has an ArrayBuffer of its own, which the garbage collector never moves, and lives as
 * long as this object: keep it while its address is in use, and never transfer its buffer.
 */
export class ForeignMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly address: number;

  constructor({ address }: Pick<ForeignFunctions, "address">, length: number) {
    const buffer = new ArrayBuffer(length);
    this.bytes = new Uint8Array(buffer);
    this.view = new DataView(buffer);
    this.address = Number(address(this.bytes));
  }

  /** Writes an address or a size as C does on 64-bit little-endian machines. */
  setWord(offset: number, value: number): void {
    this.view.setUint32(offset, value % 0x1_0000_0000, true);
    this.view.setUint32(offset + 4, Math.floor(value / 0x1_0000_0000), true);
  }
}
