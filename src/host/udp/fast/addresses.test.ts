/** Socket addresses in C's form, and back. */

import { isIP } from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { runs } from "../../../../test/properties/runs.ts";
import type { SocketAddress } from "../../../base/datagrams.ts";
import { koffi } from "../../engine/testing/koffi.ts";
import { AddressTable } from "./addresses.ts";
import { bindLibc } from "./libc.ts";

describe.skipIf(koffi === undefined)("the table of addresses", () => {
  const create = () => new AddressTable(koffi!, bindLibc(koffi!));
  const view = new DataView(new ArrayBuffer(64));
  const at = 4;

  /** Through the structure of a socket of `family`. */
  function through(table: AddressTable, address: SocketAddress, family: 4 | 6 = address.family) {
    const length = table.write(view, at, address, family);
    expect(length).toBe(family === 4 ? 16 : 28);
    return table.read(view, at);
  }

  test("every address comes back the same, as one object", () => {
    const table = create();
    const address = fc.record({
      host: fc.oneof(fc.ipV4(), fc.ipV6()),
      port: fc.integer({ min: 0, max: 65_535 }),
    });
    fc.assert(
      fc.property(address, ({ host, port }) => {
        const given: SocketAddress = { family: isIP(host) as 4 | 6, host, port };
        // Mapped and link-local addresses are tested below.
        const bytes = Buffer.from(table.raw(given)!.bytes).toString("hex");
        fc.pre(bytes.length === 8 || !/^(?:0{20}ffff|fe[89ab])/.test(bytes));
        const read = through(table, given)!;
        expect([read.family, read.port]).toEqual([given.family, port]);
        // The same bytes, in the shortest form.
        expect(table.raw(read)).toEqual(table.raw(given));
        expect(through(table, read)).toBe(read);
      }),
      { numRuns: runs(300) },
    );
  });

  test("IPv4 on a dual-stack socket is mapped, and comes back as IPv4", () => {
    const table = create();
    const address: SocketAddress = { family: 4, host: "192.0.2.129", port: 443 };
    expect(through(table, address, 6)).toEqual(address);
    expect(through(table, address, 6)).toBe(through(table, address, 4));
    expect(new Uint8Array(view.buffer, at, 16)[0]).toBe(2); // AF_INET
    const mapped: SocketAddress = { family: 6, host: "::ffff:192.0.2.129", port: 443 };
    expect(through(table, mapped)).toBe(through(table, address, 6));
  });

  test("a link-local address keeps its interface, by name or number", () => {
    const table = create();
    const address: SocketAddress = { family: 6, host: "fe80::1%lo", port: 443 };
    expect(through(table, address)).toEqual(address);
    expect(through(table, { ...address, host: "fe80::1%1" })).toBe(through(table, address));
    // An interface that does not exist (any more).
    const gone: SocketAddress = { ...address, host: "fe80::1%987654" };
    expect(through(table, gone)).toEqual(gone);
    // Other addresses are the same on every interface.
    const global: SocketAddress = { family: 6, host: "2001:db8::1", port: 443 };
    const read = through(table, global);
    view.setUint32(at + 24, 1, true);
    expect(table.read(view, at)).toBe(read);
  });

  test("what cannot be addressed is refused", () => {
    const table = create();
    const refused: readonly (readonly [SocketAddress, 4 | 6])[] = [
      [{ family: 6, host: "::1", port: 1 }, 4],
      [{ family: 4, host: "127.0.0.1", port: 65_536 }, 4],
      [{ family: 4, host: "127.0.0.1", port: -1 }, 4],
      [{ family: 4, host: "localhost", port: 1 }, 4],
    ];
    for (const [address, family] of refused) expect(table.write(view, at, address, family)).toBe(0);
    view.setUint16(at, 1, true); // AF_UNIX
    expect(table.read(view, at)).toBeUndefined();
  });

  test("a flood of addresses does not grow the tables without bound", () => {
    const table = create();
    const first = table.ipv4(0, 1);
    for (let i = 1; i <= 20_000; i += 1) table.ipv4(i, 1);
    expect(table.ipv4(0, 1)).not.toBe(first);
    expect(table.ipv4(0, 1)).toEqual(first);
  });
});
