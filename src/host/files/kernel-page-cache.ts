/**
 * The page cache of Linux, by preadv2 with RWF_NOWAIT. A read in libuv's thread pool costs two context switches and
 * several futex calls, which is more than the copy itself.
 */

import { type ForeignFunctions, ForeignMemory } from "../../base/foreign.ts";
import { guard, reportFault } from "../guard.ts";
import { EAGAIN, EINTR } from "../udp/fast/system-error.ts";
import type { PageCache } from "./page-cache.ts";

const EPERM = 1;
const ENOSYS = 38;
const RWF_NOWAIT = 8;

// struct iovec
const BUFFER_POINTER = 0;
const BUFFER_SIZE = 8;
const VECTOR_LENGTH = 16;

/**
 * Bytes read in one turn of the event loop. HTTP/3 seldom reaches it, since it reads what was acknowledged. A client that
 * keeps up over HTTP/1.1, or a consumer that takes content in microtasks, would otherwise have a whole file read before
 * anything else happens.
 */
export const BYTES_PER_TURN = 1024 * 1024;

/** Throws if the C library has no preadv2 (musl before 1.2.5). */
export function createKernelPageCache(ffi: ForeignFunctions): PageCache {
  return new KernelPageCache(ffi);
}

class KernelPageCache implements PageCache {
  readonly #ffi: ForeignFunctions;
  readonly #preadv2: (...values: number[]) => number;
  readonly #vector: ForeignMemory;
  /** The addresses of chunks, which are reused. */
  readonly #addresses = new WeakMap<ArrayBufferLike, number>();
  #isAvailable = true;
  /** Bytes that may still be read in this turn of the event loop. */
  #left = BYTES_PER_TURN;

  constructor(ffi: ForeignFunctions) {
    this.#ffi = ffi;
    this.#preadv2 = ffi.load(null).func("preadv2", "long", ["int", "uintptr_t", "int", "int64_t", "int"]);
    this.#vector = new ForeignMemory(ffi, VECTOR_LENGTH);
  }

  read(fd: number, chunk: Uint8Array, length: number, position: number): number | undefined {
    if (!this.#isAvailable) return undefined;
    const allowed = Math.min(length, this.#left);
    if (allowed === 0) return 0;
    this.#vector.setWord(BUFFER_POINTER, this.#addressOf(chunk));
    this.#vector.setWord(BUFFER_SIZE, allowed);
    const read = this.#preadv2(fd, this.#vector.address, 1, position, RWF_NOWAIT);
    if (read < 0) return this.#handleError(this.#ffi.errno());
    this.#count(read);
    return read;
  }

  #addressOf({ buffer, byteOffset }: Uint8Array): number {
    let address = this.#addresses.get(buffer);
    if (address === undefined) {
      address = Number(this.#ffi.address(new Uint8Array(buffer)));
      this.#addresses.set(buffer, address);
    }
    return address + byteOffset;
  }

  #handleError(errno: number): number | undefined {
    if (errno === EAGAIN || errno === EINTR) return 0;
    // The kernel does not know the call, or a sandbox forbids it. Other errors concern the file: its filesystem may not
    // support RWF_NOWAIT (EOPNOTSUPP, EINVAL), or it cannot be read at all, which the asynchronous read reports.
    if (errno === ENOSYS || errno === EPERM) this.#isAvailable = false;
    return undefined;
  }

  #count(bytes: number): void {
    if (this.#left === BYTES_PER_TURN && bytes > 0) setImmediate(this.#beginTurn);
    this.#left -= bytes;
  }

  #renew(): void {
    this.#left = BYTES_PER_TURN;
  }

  readonly #beginTurn = guard(
    "file turn",
    (fault) => {
      this.#renew();
      reportFault(fault);
    },
    () => this.#renew(),
  );
}
