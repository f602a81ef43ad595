/**
 * The argument of sendmsg and recvmsg: struct msghdr with one buffer, one address and control messages (cmsg), laid out
 * once in memory. Calls are synchronous, so all sockets of a process share one message per direction.
 */

import { type ForeignFunctions, ForeignMemory } from "../../../base/foreign.ts";
import { SOCKADDR_LENGTH } from "./addresses.ts";

// struct msghdr of 64-bit Linux. musl's smaller length fields are padded with zeros to the kernel's size.
const NAME_POINTER = 0;
const NAME_SIZE = 8;
const VECTOR_POINTER = 16;
const VECTOR_COUNT = 24;
const CONTROL_POINTER = 32;
const CONTROL_SIZE = 40;
// struct iovec
const BUFFER_POINTER = 56;
const BUFFER_SIZE = 64;
const CONTROL = 104;
/** Room for all control messages that the sockets ask for. */
const CONTROL_ROOM = 256;

/** struct cmsghdr: a length, a level and a type. */
const CMSG_HEADER = 16;
const align = (length: number): number => (length + 7) & ~7;

/** Where the address begins. */
export const NAME = 72;

export class Message {
  readonly address: number;
  readonly view: DataView;
  readonly #memory: ForeignMemory;
  #control = 0;

  constructor(ffi: ForeignFunctions) {
    const memory = new ForeignMemory(ffi, CONTROL + CONTROL_ROOM);
    memory.setWord(NAME_POINTER, memory.address + NAME);
    memory.setWord(VECTOR_POINTER, memory.address + BUFFER_POINTER);
    memory.setWord(VECTOR_COUNT, 1);
    memory.setWord(CONTROL_POINTER, memory.address + CONTROL);
    this.#memory = memory;
    this.address = memory.address;
    this.view = memory.view;
  }

  setBuffer(address: number, length: number): void {
    this.#memory.setWord(BUFFER_POINTER, address);
    this.#memory.setWord(BUFFER_SIZE, length);
  }

  /** 0 for a connected socket. */
  setNameLength(length: number): void {
    this.view.setUint32(NAME_SIZE, length, true);
  }

  // ── Control messages to send ──────────────────────────────────────────────────────────────────────────────────────

  /** Must be followed by `endControl`. */
  beginControl(): void {
    this.#control = CONTROL;
  }

  /** Appends a control message of zeros. Returns the offset of its data. */
  appendControl(level: number, type: number, length: number): number {
    const { view } = this;
    const start = this.#control;
    const end = start + align(CMSG_HEADER + length);
    this.#memory.bytes.fill(0, start, end);
    view.setUint32(start, CMSG_HEADER + length, true);
    view.setInt32(start + 8, level, true);
    view.setInt32(start + 12, type, true);
    this.#control = end;
    return start + CMSG_HEADER;
  }

  endControl(): void {
    this.view.setUint32(CONTROL_SIZE, this.#control - CONTROL, true);
  }

  // ── Received control messages ─────────────────────────────────────────────────────────────────────────────────────

  /** Must be called before each recvmsg, which overwrites these sizes. */
  prepareToReceive(): void {
    this.view.setUint32(NAME_SIZE, SOCKADDR_LENGTH, true);
    this.view.setUint32(CONTROL_SIZE, CONTROL_ROOM, true);
  }

  /** Calls back with the level, type and data offset of each control message. */
  readControl(onMessage: (level: number, type: number, offset: number) => void): void {
    const { view } = this;
    const end = CONTROL + Math.min(CONTROL_ROOM, view.getUint32(CONTROL_SIZE, true));
    for (let at = CONTROL; at + CMSG_HEADER <= end; ) {
      const length = view.getUint32(at, true);
      if (length < CMSG_HEADER || at + length > end) return;
      onMessage(view.getInt32(at + 8, true), view.getInt32(at + 12, true), at + CMSG_HEADER);
      at += align(length);
    }
  }
}
