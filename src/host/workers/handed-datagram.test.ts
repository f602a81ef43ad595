import fc from "fast-check";
import { expect, test } from "vitest";
import type { Ecn, SocketAddress } from "../../base/datagrams.ts";
import { AddressCache, encodeHanded, type HandedDatagram, HandedReader } from "./handed-datagram.ts";
import type { Reason } from "./steering.ts";

const addresses: fc.Arbitrary<SocketAddress> = fc
  .record({
    host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant("fe80::1%eth0")),
    port: fc.integer({ min: 0, max: 65_535 }),
  })
  .map(({ host, port }) => ({ family: host.includes(":") ? 6 : 4, host, port }));

const datagrams: fc.Arbitrary<HandedDatagram> = fc.record({
  reason: fc.integer({ min: 0, max: 2 }).map((each) => each as Reason),
  ecn: fc.integer({ min: 0, max: 3 }).map((each) => each as Ecn),
  local: addresses,
  remote: addresses,
  bytes: fc.uint8Array({ maxLength: 1500 }),
});

test("datagrams arrive whole and in order, however the stream is cut", () => {
  fc.assert(
    fc.property(fc.array(datagrams, { maxLength: 10 }), fc.integer({ min: 1, max: 700 }), (sent, step) => {
      const stream = Buffer.concat(sent.map(encodeHanded));
      const reader = new HandedReader(new AddressCache());
      const arrived: HandedDatagram[] = [];
      for (let at = 0; at < stream.length; at += step) {
        const isValid = reader.push(stream.subarray(at, at + step), (each) =>
          arrived.push({ ...each, bytes: new Uint8Array(each.bytes) }),
        );
        expect(isValid).toBe(true);
      }
      expect(arrived).toEqual(sent);
    }),
  );
});

test("the same address is the same object, which sockets compare first", () => {
  const cache = new AddressCache();
  expect(cache.get("::1", 443)).toBe(cache.get("::1", 443));
});

test("any other bytes end the stream, or are a datagram: they neither throw nor grow", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const reader = new HandedReader(new AddressCache());
      let held = 0;
      reader.push(bytes, (datagram) => {
        held += datagram.bytes.length;
      });
      expect(held).toBeLessThanOrEqual(bytes.length);
    }),
  );
});

test("a frame that claims more than the largest datagram ends the stream", () => {
  expect(new HandedReader(new AddressCache()).push(Uint8Array.of(0, 2, 0, 0), () => {})).toBe(false);
});
