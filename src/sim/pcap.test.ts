import { describe, expect, test } from "vitest";
import { Ecn, type SocketAddress } from "../base/datagrams.ts";
import { millis } from "../base/time.ts";
import type { SimulatedDatagram } from "./datagram.ts";
import { host, link } from "./elements.ts";
import { PcapWriter, toIpPacket } from "./pcap.ts";
import { simulate } from "./simulate.ts";
import { Echo, Mailbox } from "./testing/machines.ts";

const A: SocketAddress = { family: 4, host: "192.0.2.1", port: 4660 };
const B: SocketAddress = { family: 4, host: "192.0.2.2", port: 443 };
const A6: SocketAddress = { family: 6, host: "2001:db8::1", port: 4660 };
const B6: SocketAddress = { family: 6, host: "2001:db8::2", port: 443 };

/** The blocks of a file: type and body. */
function blocks(file: Uint8Array): { type: number; body: DataView }[] {
  const view = new DataView(file.buffer);
  const found: { type: number; body: DataView }[] = [];
  for (let at = 0; at < file.length; ) {
    const length = view.getUint32(at + 4);
    expect(length % 4).toBe(0);
    expect(view.getUint32(at + length - 4)).toBe(length);
    found.push({ type: view.getUint32(at), body: new DataView(file.buffer, at + 8, length - 12) });
    at += length;
  }
  return found;
}

/** The ones' complement sum of all 16-bit words: 0xffff for data with a correct checksum (RFC 1071). */
function onesSum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 1) sum += i % 2 === 0 ? bytes[i]! * 256 : bytes[i]!;
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return sum;
}

const datagram = (source: SocketAddress, destination: SocketAddress, text: string): SimulatedDatagram => ({
  source,
  destination,
  ecn: Ecn.ect0,
  dontFragment: true,
  bytes: new TextEncoder().encode(text),
});

describe("toIpPacket", () => {
  test("IPv4: header, ports, lengths and correct checksums", () => {
    for (const text of ["hello", "hello!", ""]) {
      const ip = toIpPacket(datagram(A, B, text));
      const hex = Buffer.from(ip).toString("hex");
      expect(hex.slice(0, 20)).toBe(`4502${(28 + text.length).toString(16).padStart(4, "0")}0000400040${"11"}`);
      expect(hex.slice(24, 48)).toBe("c0000201c0000202123401bb");
      expect(onesSum(ip.subarray(0, 20))).toBe(0xffff);
      const pseudo = [...ip.subarray(12, 20), 0, 17, 0, 8 + text.length];
      expect(onesSum(Uint8Array.from([...pseudo, ...ip.subarray(20)]))).toBe(0xffff);
      expect(new TextDecoder().decode(ip.subarray(28))).toBe(text);
    }
  });

  test("IPv6: traffic class, payload length and correct checksum", () => {
    const ip = toIpPacket(datagram(A6, B6, "hello"));
    expect(Buffer.from(ip.subarray(0, 8)).toString("hex")).toBe("60200000000d1140");
    const pseudo = [...ip.subarray(8, 40), 0, 0, 0, 13, 0, 0, 0, 17];
    expect(onesSum(Uint8Array.from([...pseudo, ...ip.subarray(40)]))).toBe(0xffff);
  });

  test("an invalid address is refused", () => {
    expect(() => toIpPacket(datagram({ ...A, host: "here" }, B, ""))).toThrow(/"here" is not an IPv4 address/);
    expect(() => toIpPacket(datagram({ ...A, family: 6 }, B, ""))).toThrow(/not an IPv6 address/);
  });
});

describe("PcapWriter", () => {
  function run(point: "sent" | "delivered", keyLog?: string) {
    const mailbox = new Mailbox();
    mailbox.post(Uint8Array.of(1, 2, 3), B);
    const pcap = new PcapWriter(point);
    simulate({
      seed: 1,
      network: [
        host({ name: "a", address: A, machine: mailbox }),
        link({ delay: millis(20) }, { delay: millis(30), loss: 1 }),
        host({ name: "b", address: B, machine: new Echo() }),
      ],
      capture: pcap.capture,
    });
    return blocks(pcap.finish(keyLog));
  }

  test("writes a section, an interface and the packets with their times", () => {
    const [section, description, ...packets] = run("sent");
    expect([section!.type, section!.body.getUint32(0)]).toEqual([0x0a0d0d0a, 0x1a2b3c4d]);
    expect([description!.type, description!.body.getUint16(0)]).toEqual([1, 101]);
    expect(packets.map(({ type }) => type)).toEqual([6, 6]);
    expect(packets.map(({ body }) => body.getUint32(8))).toEqual([0, 20_000]);
    expect(packets.map(({ body }) => body.getUint32(12))).toEqual([31, 31]);
  });

  test("a capture at the receiver omits lost datagrams", () => {
    expect(run("delivered").map(({ type }) => type)).toEqual([0x0a0d0d0a, 1, 6]);
  });

  test("writes secrets before the packets", () => {
    const keyLog = "CLIENT_HANDSHAKE_TRAFFIC_SECRET 00 11\n";
    const all = run("sent", keyLog);
    expect(all.map(({ type }) => type)).toEqual([0x0a0d0d0a, 1, 10, 6, 6]);
    const { body } = all[2]!;
    expect([body.getUint32(0), body.getUint32(4)]).toEqual([0x544c534b, keyLog.length]);
    expect(Buffer.from(body.buffer, body.byteOffset + 8, keyLog.length).toString()).toBe(keyLog);
  });

  test("captures at several places, with an interface each and the reasons of drops", () => {
    const mailbox = new Mailbox();
    for (const byte of [1, 2]) mailbox.post(Uint8Array.of(byte, 0, 0), B);
    const pcap = new PcapWriter({ places: ["b", "a-b"], drops: true });
    simulate({
      seed: 1,
      network: [
        host({ name: "a", address: A, machine: mailbox }),
        link({ delay: millis(20), dropList: [1] }),
        host({ name: "b", address: B, machine: new Mailbox() }),
      ],
      capture: pcap.capture,
    });
    const [, ...all] = blocks(pcap.finish());
    const text = ({ body }: { body: DataView }, at: number) =>
      Buffer.from(body.buffer, body.byteOffset + at + 4, body.getUint16(at + 2)).toString();
    const [first, second, dropped, carried, delivered] = all;
    expect([first!, second!].map((one) => text(one, 8))).toEqual(["b", "a-b"]);
    expect([dropped!, carried!, delivered!].map(({ body }) => [body.getUint32(0), body.getUint32(8)])).toEqual([
      [1, 0],
      [1, 20_000],
      [0, 20_000],
    ]);
    // After the fixed fields and 31 bytes, padded.
    expect(text(dropped!, 20 + 32)).toBe("dropped: drop-list");
    expect(all).toHaveLength(5);
  });
});
