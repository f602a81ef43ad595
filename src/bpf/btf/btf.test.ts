// Types as clang writes them, what CO-RE reads from them, and files that are not what they seem.
import { describe, expect, test, vi } from "vitest";
import { latin1 } from "../../wire/text.ts";
import { BpfError } from "../errors.ts";
import { type Btf, CORE, parseBtf, resolveCore } from "./index.ts";
import { KIND } from "./types.ts";

/** A section .BTF, little-endian. */
class Section {
  #strings = "\0";
  readonly #words: number[] = [];
  #count = 0;

  /** Returns the type's number. */
  add(kind: number, name: string, sizeOrType: number, extra: readonly (number | string)[] = [], info = 0): number {
    this.#words.push(this.#name(name), ((kind << 24) | info) >>> 0, sizeOrType);
    for (const each of extra) this.#words.push(typeof each === "string" ? this.#name(each) : each);
    return (this.#count += 1);
  }

  int(name: string, size: number, isSigned: boolean): number {
    return this.add(KIND.int, name, size, [((isSigned ? 1 : 0) << 24) | (size * 8)]);
  }

  array(element: number, count: number): number {
    return this.add(KIND.array, "", 0, [element, 0, count]);
  }

  /** Members: name, type, offset in bits. With `hasBits`, the upper byte of an offset is the width of a bit field. */
  struct(name: string, size: number, members: readonly (readonly [string, number, number])[], hasBits = false): number {
    return this.add(KIND.struct, name, size, members.flat(), members.length | (hasBits ? FLAG : 0));
  }

  #name(name: string): number {
    if (name === "") return 0;
    this.#strings += `${name}\0`;
    return this.#strings.length - name.length - 1;
  }

  bytes(end = ""): Uint8Array {
    const strings = latin1(this.#strings + end);
    const types = this.#words.length * 4;
    const bytes = new Uint8Array(24 + types + strings.length);
    const view = new DataView(bytes.buffer);
    [0x1eb9f, 24, 0, types, types, strings.length, ...this.#words].forEach((each, index) => {
      view.setUint32(index * 4, each, true);
    });
    bytes.set(strings, 24 + types);
    return bytes;
  }

  parse(): Btf {
    return parseBtf(this.bytes());
  }
}

const FLAG = 0x8000_0000;

const ask = (btf: Btf, type: number, kind: number, access = "0:0"): bigint | undefined =>
  resolveCore({ offset: 0, type, access, kind }, btf, btf);

test("CO-RE tells signed from unsigned, for integers and enumerations", () => {
  const section = new Section();
  const types = [
    section.int("int", 4, true),
    section.int("unsigned", 4, false),
    section.add(KIND.enum, "below", 4, ["LEAST", 0xffff_ffff], 1 | FLAG),
    section.add(KIND.enum, "above", 4, ["MOST", 0xffff_ffff], 1),
    section.add(KIND.ptr, "", 1),
  ];
  const names = types.map((type, index): [string, number, number] => [`field${index}`, type, index * 32]);
  const struct = section.struct("fields", 24, names);
  const btf = section.parse();
  expect(types.map((_, index) => ask(btf, struct, CORE.fieldSigned, `0:${index}`))).toEqual([1n, 0n, 1n, 0n, 0n]);
});

test("CO-RE reads a bit field in the unit of its type", () => {
  const section = new Section();
  const int = section.int("unsigned", 4, false);
  const struct = section.struct("bits", 8, [["field", int, (5 << 24) | 35]], true);
  const btf = section.parse();
  const facts = [CORE.fieldOffset, CORE.fieldSize, CORE.fieldLeftShift, CORE.fieldRightShift];
  expect(facts.map((kind) => ask(btf, struct, kind))).toEqual([4n, 4n, 56n, 59n]);
});

describe("refuses with a BpfError", () => {
  const FACTS = [CORE.fieldOffset, CORE.fieldSize, CORE.fieldLeftShift, CORE.fieldRightShift];

  test.each<[string, (section: Section) => number, readonly number[], string?]>([
    [
      "a field that begins within a byte",
      (section) => section.struct("s", 4, [["field", section.int("int", 4, true), 3]]),
      [CORE.fieldOffset],
    ],
    [
      "a bit field without bytes",
      (section) => section.struct("s", 4, [["field", section.struct("empty", 0, []), (3 << 24) | 8]], true),
      [CORE.fieldOffset, CORE.fieldLeftShift],
    ],
    [
      "a bit field that reaches beyond its unit",
      (section) => section.struct("s", 8, [["field", section.int("int", 4, true), (9 << 24) | 28]], true),
      [CORE.fieldOffset, CORE.fieldLeftShift],
    ],
    [
      "an array of more bytes than a number counts",
      (section) => {
        let type = section.int("int", 4, true);
        for (let depth = 0; depth < 40; depth += 1) type = section.array(type, 0xffff_ffff);
        return section.struct("s", 4, [["field", type, 0]]);
      },
      FACTS,
    ],
    [
      "an index that is too large",
      (section) => section.struct("s", 4, [["field", section.int("int", 4, true), 0]]),
      [CORE.fieldOffset],
      "1000000000000000000:0",
    ],
  ])("%s", (_what, build, kinds, access) => {
    const section = new Section();
    const struct = build(section);
    const btf = section.parse();
    for (const kind of kinds) expect(() => ask(btf, struct, kind, access), `kind ${kind}`).toThrow(BpfError);
  });

  test("a name of 70,000 bytes without an end", () => {
    const section = new Section();
    const at = section.bytes().length - 24;
    section.int("", 4, true);
    const bytes = section.bytes("a".repeat(70_000));
    new DataView(bytes.buffer).setUint32(24, at, true);
    expect(() => parseBtf(bytes)).toThrow("a name of more than 65,536 bytes");
  });
});

test("a name keeps what is not ASCII", () => {
  const section = new Section();
  section.int("gr\u00c3\u00b6\u00c3\u009fe", 4, true);
  expect(section.parse().type(1).name).toBe("größe");
  section.int("\u00c3", 4, true);
  expect(() => section.parse()).toThrow("not UTF-8");
});

test("members without names that share their types are walked once", () => {
  const section = new Section();
  let type = section.struct("", 4, [["other", section.int("int", 4, true), 0]]);
  for (let depth = 0; depth < 12; depth += 1) {
    type = section.struct("", 8, [
      ["", type, 0],
      ["", type, 32],
    ]);
  }
  section.struct("outer", 8, [["", type, 0]]);
  const local = new Section();
  const wanted = local.struct("outer", 8, [["field", local.int("int", 4, true), 0]]);
  const target = section.parse();
  const resolve = vi.spyOn(target, "resolve");
  const relocation = { offset: 0, type: wanted, access: "0:0", kind: CORE.fieldExists };
  expect(resolveCore(relocation, local.parse(), target)).toBe(0n);
  expect(resolve.mock.calls.length).toBeLessThan(100);
});
