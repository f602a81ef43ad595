/**
 * The kernel's part of steering: a classic BPF program, assembled here by hand, for a group of UDP sockets that share an
 * address (SO_ATTACH_REUSEPORT_CBPF). It returns the index of the socket that a datagram is for.
 *
 * The program decodes the worker from one of our connection ids (`quic/packet/routed-connection-id.ts`), so a connection
 * stays with its worker when its client's address changes. For that it computes SipHash-2-4 in 32-bit words, without
 * loops: about 1,300 instructions. Any other id was chosen by a client, and its first 8 bytes are hashed.
 *
 * The kernel shows the program a datagram's payload; a load beyond its end returns 0. Classic BPF needs no privileges,
 * unlike bpf(2). The newest generation reads all sockets, so the generation plays no role here.
 */

/** struct sock_filter. Jumps are relative to the next instruction. */
export interface BpfInstruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** Codes of the instructions used, by the names of Linux's `bpf_asm`. */
export const Bpf = {
  ldAbsByte: 0x30,
  ldIndWord: 0x40,
  ldIndHalf: 0x48,
  ldImm: 0x00,
  ldMem: 0x60,
  ldxImm: 0x01,
  ldxMem: 0x61,
  st: 0x02,
  addX: 0x0c,
  addK: 0x04,
  mulK: 0x24,
  orX: 0x4c,
  andK: 0x54,
  lshK: 0x64,
  rshK: 0x74,
  modK: 0x94,
  xorK: 0xa4,
  xorX: 0xac,
  ja: 0x05,
  jeqK: 0x15,
  jgtK: 0x25,
  jsetK: 0x45,
  jgeX: 0x3d,
  retA: 0x16,
} as const;

export interface Steering {
  /** The key of connection ids, 16 bytes, which all workers share (under every key number). */
  readonly idKey: Uint8Array;
  /** 8 secret bytes for the ids of clients, so that clients cannot choose their worker. */
  readonly clientKey: Uint8Array;
  /** The number of sockets in the group, in the order in which they were bound. */
  readonly workers: number;
}

const ID_LENGTH = 10;
/** Where an id begins, in packets with a short and with a long header (RFC 9000 §17). */
const SHORT_ID = 1;
const LONG_ID = 6;
const LONG_ID_LENGTH = 5;
const ROUTE_MASK = 0x3fff;
const NODE_MASK = 0x3f;
const WORKER_SHIFT = 6;
const WORKER_MASK = 0x1f;

// Scratch memory, in words. A 64-bit value has its low half first.
const [V0, V1, V2, V3, MESSAGE, ROUTE, START, TEMPORARY] = [0, 2, 4, 6, 8, 10, 11, 12] as const;

/** "somepseudorandomlygeneratedbytes", as (low, high) of v0 to v3. */
const SIPHASH_INITIAL = [
  0x70736575, 0x736f6d65, 0x6e646f6d, 0x646f7261, 0x6e657261, 0x6c796765, 0x79746573, 0x74656462,
] as const;

export function steeringProgram({ idKey, clientKey, workers }: Steering): readonly BpfInstruction[] {
  const program: BpfInstruction[] = [];
  const emit = (code: number, k = 0, jt = 0, jf = 0): void => {
    program.push({ code, jt, jf, k: k >>> 0 });
  };
  /** Jumps reach 255 instructions; `ja` any number. Returns the place of one to complete. */
  const jump = (): number => program.push({ code: Bpf.ja, jt: 0, jf: 0, k: 0 }) - 1;
  const land = (from: number): void => {
    program[from] = { ...program[from]!, k: program.length - from - 1 };
  };

  // The start of the id in X and memory.
  emit(Bpf.ldAbsByte, 0);
  emit(Bpf.jsetK, 0x80, 3, 0);
  emit(Bpf.ldxImm, SHORT_ID);
  emit(Bpf.ldImm, SHORT_ID);
  const short = jump();
  emit(Bpf.ldImm, LONG_ID);
  emit(Bpf.st, START);
  emit(Bpf.ldxImm, LONG_ID);
  emit(Bpf.ldAbsByte, LONG_ID_LENGTH);
  emit(Bpf.jeqK, ID_LENGTH, 1, 0);
  const otherLength = jump();
  emit(Bpf.ldImm, LONG_ID);
  land(short);
  emit(Bpf.st, START);

  // SipHash of the id's last 8 bytes.
  emit(Bpf.ldIndHalf, 0);
  emit(Bpf.st, ROUTE);
  loadLittleEndian(emit, 2, MESSAGE);
  loadLittleEndian(emit, 6, MESSAGE + 1);
  const key = new DataView(idKey.buffer, idKey.byteOffset, 16);
  SIPHASH_INITIAL.forEach((initial, at) => {
    emit(Bpf.ldImm, initial ^ key.getUint32((at & 3) * 4, true));
    emit(Bpf.st, at);
  });
  const hash = new SipHashWriter(emit);
  hash.xor(V3, MESSAGE);
  hash.rounds(2);
  hash.xor(V0, MESSAGE);
  // The last block holds only the length, 8, in its highest byte.
  hash.xorConstant(V3 + 1, 0x0800_0000);
  hash.rounds(2);
  hash.xorConstant(V0 + 1, 0x0800_0000);
  hash.xorConstant(V2, 0xff);
  hash.rounds(4);
  hash.low();

  // The route: XORed with the hash, without the two bits of the key number.
  emit(Bpf.ldxMem, ROUTE);
  emit(Bpf.xorX);
  emit(Bpf.andK, ROUTE_MASK);
  emit(Bpf.st, ROUTE);
  emit(Bpf.andK, NODE_MASK);
  emit(Bpf.jeqK, 0, 0, 5);
  emit(Bpf.ldMem, ROUTE);
  emit(Bpf.rshK, WORKER_SHIFT);
  emit(Bpf.andK, WORKER_MASK);
  emit(Bpf.jgtK, workers - 1, 1, 0);
  emit(Bpf.retA);

  // An id of a client.
  land(otherLength);
  const client = new DataView(clientKey.buffer, clientKey.byteOffset, 8);
  emit(Bpf.ldxMem, START);
  emit(Bpf.ldIndWord, 0);
  emit(Bpf.xorK, client.getUint32(0));
  emit(Bpf.mulK, 0x9e3779b1);
  emit(Bpf.st, TEMPORARY);
  emit(Bpf.ldIndWord, 4);
  emit(Bpf.ldxMem, TEMPORARY);
  emit(Bpf.addX);
  emit(Bpf.xorK, client.getUint32(4));
  emit(Bpf.mulK, 0x85ebca6b);
  emit(Bpf.rshK, 16);
  emit(Bpf.modK, workers);
  emit(Bpf.retA);
  return program;
}

type Emit = (code: number, k?: number, jt?: number, jf?: number) => void;

/** The four bytes at `offset` of the id; BPF loads big-endian words. */
function loadLittleEndian(emit: Emit, offset: number, to: number): void {
  emit(Bpf.ldIndWord, offset);
  emit(Bpf.st, TEMPORARY);
  // X is needed for the id's start, so the parts are joined in memory.
  emit(Bpf.lshK, 24);
  emit(Bpf.st, to);
  const parts: readonly (readonly [shift: number, code: number, mask: number])[] = [
    [8, Bpf.lshK, 0x00ff_0000],
    [8, Bpf.rshK, 0x0000_ff00],
    [24, Bpf.rshK, 0x0000_00ff],
  ];
  for (const [shift, code, mask] of parts) {
    emit(Bpf.ldMem, TEMPORARY);
    emit(code, shift);
    emit(Bpf.andK, mask);
    emit(Bpf.ldxMem, to);
    emit(Bpf.orX);
    emit(Bpf.st, to);
  }
  emit(Bpf.ldxMem, START);
}

/** Writes SipHash's operations on 64-bit values in memory. */
class SipHashWriter {
  readonly #emit: Emit;
  /** Where the halves of v0 and v2 are; a rotation by 32 bits only swaps them. */
  readonly #swapped = new Set<number>();

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  #halves(value: number): readonly [low: number, high: number] {
    return this.#swapped.has(value) ? [value + 1, value] : [value, value + 1];
  }

  xor(to: number, from: number): void {
    const [target, source] = [this.#halves(to), this.#halves(from)];
    for (const half of [0, 1] as const) {
      this.#emit(Bpf.ldMem, target[half]);
      this.#emit(Bpf.ldxMem, source[half]);
      this.#emit(Bpf.xorX);
      this.#emit(Bpf.st, target[half]);
    }
  }

  /** `half` is a word in memory. After an even number of rounds, nothing is swapped. */
  xorConstant(half: number, value: number): void {
    this.#emit(Bpf.ldMem, half);
    this.#emit(Bpf.xorK, value);
    this.#emit(Bpf.st, half);
  }

  #add(to: number, from: number): void {
    const [toLow, toHigh] = this.#halves(to);
    const [fromLow, fromHigh] = this.#halves(from);
    this.#emit(Bpf.ldMem, toLow);
    this.#emit(Bpf.ldxMem, fromLow);
    this.#emit(Bpf.addX);
    this.#emit(Bpf.st, toLow);
    // A sum below one of its parts has overflowed.
    this.#emit(Bpf.jgeX, 0, 2, 0);
    this.#emit(Bpf.ldImm, 1);
    this.#emit(Bpf.ja, 1);
    this.#emit(Bpf.ldImm, 0);
    this.#emit(Bpf.ldxMem, fromHigh);
    this.#emit(Bpf.addX);
    this.#emit(Bpf.ldxMem, toHigh);
    this.#emit(Bpf.addX);
    this.#emit(Bpf.st, toHigh);
  }

  #rotate(value: number, bits: number): void {
    const [low, high] = this.#halves(value);
    this.#joinShifted(low, high, bits, TEMPORARY);
    this.#joinShifted(high, low, bits, high);
    this.#emit(Bpf.ldMem, TEMPORARY);
    this.#emit(Bpf.st, low);
  }

  /** Writes `left << bits | right >> (32 - bits)`. */
  #joinShifted(left: number, right: number, bits: number, to: number): void {
    this.#emit(Bpf.ldMem, left);
    this.#emit(Bpf.lshK, bits);
    this.#emit(Bpf.st, TEMPORARY + 1);
    this.#emit(Bpf.ldMem, right);
    this.#emit(Bpf.rshK, 32 - bits);
    this.#emit(Bpf.ldxMem, TEMPORARY + 1);
    this.#emit(Bpf.orX);
    this.#emit(Bpf.st, to);
  }

  #swap(value: number): void {
    if (!this.#swapped.delete(value)) this.#swapped.add(value);
  }

  rounds(count: number): void {
    for (let i = 0; i < count; i += 1) {
      this.#add(V0, V1);
      this.#rotate(V1, 13);
      this.xor(V1, V0);
      this.#swap(V0);
      this.#add(V2, V3);
      this.#rotate(V3, 16);
      this.xor(V3, V2);
      this.#add(V0, V3);
      this.#rotate(V3, 21);
      this.xor(V3, V0);
      this.#add(V2, V1);
      this.#rotate(V1, 17);
      this.xor(V1, V2);
      this.#swap(V2);
    }
  }

  /** Leaves the low half of the hash in A. */
  low(): void {
    this.#emit(Bpf.ldMem, this.#halves(V0)[0]);
    for (const value of [V1, V2, V3]) {
      this.#emit(Bpf.ldxMem, this.#halves(value)[0]);
      this.#emit(Bpf.xorX);
    }
  }
}

/** struct sock_filter[], as SO_ATTACH_REUSEPORT_CBPF takes it. */
export function encodeProgram(program: readonly BpfInstruction[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(program.length * 8);
  const view = new DataView(bytes.buffer);
  program.forEach(({ code, jt, jf, k }, index) => {
    view.setUint16(index * 8, code, true);
    view.setUint8(index * 8 + 2, jt);
    view.setUint8(index * 8 + 3, jf);
    view.setUint32(index * 8 + 4, k, true);
  });
  return bytes;
}
