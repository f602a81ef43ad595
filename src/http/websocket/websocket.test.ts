import { describe, expect, test } from "vitest";
import { fromHex, toHex } from "../../wire/hex.ts";
import { concat, utf8 } from "../../wire/text.ts";
import { closePayload, Opcode, WebSocketReader, webSocketFrame } from "./index.ts";

const MASK = fromHex("37fa213d");

function reader(from: "client" | "server", maxMessage = 1000) {
  const log: string[] = [];
  const made = new WebSocketReader({
    from,
    maxMessage,
    onMessage: (message, isText) => log.push(`${isText ? "text" : "binary"} ${toHex(message)}`),
    onPing: (payload) => log.push(`ping ${toHex(payload)}`),
    onClose: (status) => log.push(`close ${status}`),
  });
  return { log, handle: (...frames: readonly Uint8Array[]) => made.handle(concat(...frames)), made };
}

// RFC 6455 §5.7.
const HELLO = toHex(utf8("Hello"));
test.each([
  ["an unmasked text", "server", "810548656c6c6f", [`text ${HELLO}`]],
  ["a masked text", "client", "818537fa213d7f9f4d5158", [`text ${HELLO}`]],
  ["a fragmented text", "server", "010348656c" + "80026c6f", [`text ${HELLO}`]],
  ["a ping", "server", "890548656c6c6f", [`ping ${HELLO}`]],
  ["256 bytes", "server", `827e0100${"ab".repeat(256)}`, [`binary ${"ab".repeat(256)}`]],
  ["a ping between fragments", "server", "010348656c" + "8900" + "80026c6f", ["ping ", `text ${HELLO}`]],
  ["a Close frame, and what follows it", "server", "880203e8" + "810548656c6c6f", ["close 1000"]],
  ["a Close frame without a status", "server", "8800", ["close 1005"]],
] as const)("reads %s, whole and byte by byte", (_, from, hex, log) => {
  const whole = reader(from);
  whole.handle(fromHex(hex));
  expect(whole.log).toEqual(log);
  const split = reader(from);
  for (const byte of fromHex(hex)) split.handle(Uint8Array.of(byte));
  expect(split.log).toEqual(log);
});

test.each([0, 1, 125, 126, 999, 65_535, 65_536])("reads what it writes: %d bytes, masked and not", (length) => {
  const payload = new Uint8Array(length).map((_, i) => i * 5);
  for (const [from, mask] of [
    ["client", MASK],
    ["server", undefined],
  ] as const) {
    const { log, handle } = reader(from, 100_000);
    handle(webSocketFrame(Opcode.binary, payload, mask));
    expect(log).toEqual([`binary ${toHex(payload)}`]);
  }
});

describe("refuses", () => {
  test.each([
    ["reserved bits", "server", "c10161", 1002],
    ["a masked frame of a server", "server", "818100000000" + "61", 1002],
    ["an unmasked frame of a client", "client", "810161", 1002],
    ["an unknown opcode", "server", "8300", 1002],
    ["a long ping", "server", "897e0080", 1002],
    ["a fragmented ping", "server", "0900", 1002],
    ["a continuation of nothing", "server", "8000", 1002],
    ["a message within another", "server", "0100" + "8100", 1002],
    ["a message that is too large", "server", "827e03e9", 1009],
    ["a length of 2^63", "server", "827f8000000000000000", 1009],
    ["endless empty fragments", "server", `0200${"0000".repeat(1001)}`, 1009],
    ["a status of one byte", "server", "880103", 1002],
    ["a status that is never sent", "server", "880203ee", 1002],
  ] as const)("%s", (_, from, hex, status) => {
    const { handle, log } = reader(from);
    expect(() => handle(fromHex(hex))).toThrow(expect.objectContaining({ name: "WebSocketError", status }));
    handle(fromHex("810161"));
    expect(log).toEqual([]);
  });
});

test("a Close frame has a status in two bytes", () => {
  expect(toHex(webSocketFrame(Opcode.close, closePayload(1002)))).toBe("880203ea");
});
