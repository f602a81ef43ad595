/** Sessions in the simulator: messages by deadline, streams whole, control, and hostile input. */

import { expect, test } from "vitest";
import { after, type Instant, millis } from "../../base/time.ts";
import { runWorld } from "../testing/world.ts";

const LOSSY = { delay: millis(15), rate: 8e6, queue: 60, loss: 0.02 };

test("a large stream and urgent messages share a lossy link: no byte is lost, no message is late without being counted", () => {
  const total = 3_000_000;
  const content = new Uint8Array(total).map((_, index) => (index * 31 + (index >> 8)) & 0xff);
  let written = 0;
  let stream = 0;
  let urgent = 0;
  let sent = 0;
  let nextMessage = 0 as Instant;
  const received: number[] = [];
  let late = 0;
  let read = 0;
  let isSame = true;
  let finished = false;
  let expired = 0;
  const { session } = runWorld({
    seed: 7,
    link: LOSSY,
    session: { initialRtt: millis(50) },
    client(own, now, world) {
      if (stream === 0) {
        stream = own.open({ kind: "stateful-stream", priority: 200 });
        urgent = own.open({ kind: "stateful-datagram", priority: 0, period: millis(10) });
      }
      if (written < total) {
        written += own.write(stream, content.subarray(written), now);
        if (written === total) own.finish(stream);
      }
      if (now >= nextMessage && sent < 300) {
        own.send(urgent, new Uint8Array([sent >> 8, sent & 0xff]), { deadline: after(now, millis(100)) });
        sent += 1;
        nextMessage = after(now, millis(10));
      }
      if (sent < 300) world.wakeAt(nextMessage);
      expired = own.outgoing(urgent)!.expired;
    },
    onServerEvent({ session: own, event }) {
      if (event.type === "message") {
        received.push((event.bytes[0]! << 8) | event.bytes[1]!);
        if (event.isLate) late += 1;
      }
      if (event.type !== "readable") return;
      for (let piece = own.read(event.flow); piece !== undefined; piece = own.read(event.flow)) {
        for (let at = 0; at < piece.bytes.length; at += 1) {
          if (piece.bytes[at] !== content[piece.offset + at]) isSame = false;
        }
        read += piece.bytes.length;
      }
      finished ||= own.isFinished(event.flow);
    },
    until: () => finished && received.length + expired === 300,
  });
  expect({ read, isSame, late, repeated: received.length - new Set(received).size }).toEqual({
    read: total,
    isSame: true,
    late: 0,
    repeated: 0,
  });
  expect(expired).toBeLessThan(10);
  expect(session.stats.lost).toBeGreaterThan(5);
});
