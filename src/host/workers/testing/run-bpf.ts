/** Runs a classic BPF program as the kernel does, from its encoded form: a second reading of what was assembled. */

/** The return value; 0 if a load leaves the packet. Throws for instructions that the kernel would refuse. */
export function runBpf(code: Uint8Array, packet: Uint8Array): number {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const data = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const memory = new Uint32Array(16);
  const count = code.length / 8;
  let a = 0;
  let x = 0;
  for (let at = 0; at < count; ) {
    const op = view.getUint16(at * 8, true);
    const jt = view.getUint8(at * 8 + 2);
    const jf = view.getUint8(at * 8 + 3);
    const k = view.getUint32(at * 8 + 4, true);
    at += 1;
    const operand = (op & 0x08) !== 0 ? x : k;
    switch (op & 0x07) {
      case 0x00:
      case 0x01: {
        const mode = op & 0xe0;
        let value: number;
        if (mode === 0x00) value = k;
        else if (mode === 0x60) value = memory[k]!;
        else {
          const offset = mode === 0x40 ? x + k : k;
          const size = { 0: 4, 8: 2, 16: 1 }[op & 0x18]!;
          if (offset + size > packet.length) return 0;
          value = size === 4 ? data.getUint32(offset) : size === 2 ? data.getUint16(offset) : data.getUint8(offset);
        }
        if ((op & 0x07) === 0) a = value;
        else x = value;
        break;
      }
      case 0x02:
        memory[k] = a;
        break;
      case 0x04: {
        const operations: Record<number, (left: number, right: number) => number> = {
          0: (left, right) => left + right,
          32: Math.imul,
          64: (left, right) => left | right,
          80: (left, right) => left & right,
          96: (left, right) => left << right,
          112: (left, right) => left >>> right,
          144: (left, right) => left % right,
          160: (left, right) => left ^ right,
        };
        a = operations[op & 0xf0]!(a, operand) >>> 0;
        break;
      }
      case 0x05: {
        if ((op & 0xf0) === 0) {
          at += k;
          break;
        }
        const conditions: Record<number, boolean> = {
          16: a === operand,
          32: a > operand,
          48: a >= operand,
          64: (a & operand) !== 0,
        };
        at += conditions[op & 0xf0]! ? jt : jf;
        break;
      }
      case 0x06:
        return (op & 0x18) === 0x10 ? a : k;
      default:
        throw new Error(`instruction ${at - 1}: code 0x${op.toString(16)}`);
    }
  }
  throw new Error("the program does not return");
}
