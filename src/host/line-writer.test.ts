import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { LineWriter } from "./line-writer.ts";

/** A reader that reads nothing until `resume` is called. */
class Hanging extends Writable {
  received = "";
  #hangs = true;
  #pending: (() => void) | undefined;

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    const take = (): void => {
      this.received += chunk.toString();
      callback();
    };
    if (this.#hangs) this.#pending = take;
    else take();
  }

  resume(): void {
    this.#hangs = false;
    this.#pending?.();
  }
}

const describeDropped = (count: number): string => JSON.stringify({ event: "log-dropped", count });

test("lines for a hanging reader are bounded; the rest is dropped, counted, and reported when it reads again", async () => {
  const output = new Hanging();
  const lines = new LineWriter(output, { describeDropped });
  for (let i = 0; i < 100_000; i++) lines.write(`${i} ${"x".repeat(100)}`);
  expect(output.writableLength).toBeLessThan(1.1 * 1024 * 1024);
  const drained = new Promise((resolve) => output.once("drain", resolve));
  output.resume();
  await drained;
  lines.write("after");
  output.end();
  await new Promise((resolve) => output.once("finish", resolve));
  const received = output.received.trimEnd().split("\n");
  expect(received.at(-1)).toBe("after");
  const { event, count } = JSON.parse(received.at(-2)!);
  expect([event, count + received.length - 2]).toEqual(["log-dropped", 100_000]);
  expect(lines.dropped).toBe(count);
});

test("nothing is written to a reader that has gone away", () => {
  const output = new Hanging();
  output.on("error", () => undefined);
  const lines = new LineWriter(output, { describeDropped });
  output.destroy(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  for (let i = 0; i < 1_000; i++) lines.write("x");
  expect(output.writableLength).toBe(0);
});
