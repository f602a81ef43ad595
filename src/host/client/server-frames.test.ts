// ALTSVCB and ACCEPT_CH in what a server sends over HTTP/2.
import { expect, test } from "vitest";
import { ALTSVCB, emitAcceptChFrame, emitAltSvcbFrame, emitHttp2Frame } from "../../http/index.ts";
import { http2ServerFrames, ServerFrames } from "./server-frames.ts";

const ORIGIN = "https://a.test";
const SETTINGS = Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0);
const DATA = Uint8Array.of(0, 0, 2, 0, 0, 0, 0, 0, 1, ALTSVCB, 0);

function reader(wants: "names" | "hints" | "both" = "both") {
  const told: string[] = [];
  const frames = new ServerFrames(ORIGIN, {
    onAltSvcb: wants === "hints" ? undefined : (name) => told.push(name),
    onAcceptCh: wants === "names" ? undefined : (value) => told.push(value),
  });
  return { told, read: http2ServerFrames(frames, Promise.resolve()) };
}

const bytes = Buffer.concat([
  SETTINGS,
  emitHttp2Frame(emitAltSvcbFrame(ORIGIN, "b.test")),
  DATA,
  emitHttp2Frame(emitAltSvcbFrame("https://other.test", "c.test")),
  emitHttp2Frame(
    emitAcceptChFrame(
      [
        ["https://other.test", "X"],
        [ORIGIN, "Sec-CH-UA"],
      ],
      2,
    ),
  ),
]);

test("frames about the origin are told, however they are cut; those about others, and unwanted ones, are not", () => {
  for (let size = 1; size <= bytes.length; size += 1) {
    const { told, read } = reader();
    for (let at = 0; at < bytes.length; at += size) read(bytes.subarray(at, at + size));
    expect(told).toEqual(["b.test", "Sec-CH-UA"]);
  }
  for (const [wants, expected] of [
    ["names", ["b.test"]],
    ["hints", ["Sec-CH-UA"]],
  ] as const) {
    const { told, read } = reader(wants);
    read(bytes);
    expect(told).toEqual(expected);
  }
});

const frame = (change: (frame: Uint8Array) => void, payload: Uint8Array = emitAltSvcbFrame(ORIGIN, "b").payload) => {
  const whole = emitHttp2Frame({ type: ALTSVCB, payload });
  change(whole);
  return whole;
};
test.each<[string, Uint8Array, string]>([
  ["on a stream", frame((each) => each.fill(1, 8, 9)), "ALTSVCB on stream 1"],
  ["with flags", frame((each) => each.fill(1, 4, 5)), "with flags 1"],
  ["cut off", frame(() => {}, Uint8Array.of(9, 97)), "is cut off"],
  ["empty", frame(() => {}, new Uint8Array()), "is cut off"],
  ["too long", frame(() => {}, new Uint8Array(4_097)), "of 4097 bytes"],
])("a frame %s ends the connection", (_what, sent, why) => {
  expect(() => reader().read(sent)).toThrow(why);
});
