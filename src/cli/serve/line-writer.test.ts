import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { LineWriter } from "./line-writer.ts";

/** A reader that takes nothing before it is told to. */
class Hanging extends Writable {
  taken = "";
  #hangs = true;
  #waiting: (() => void) | undefined;

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    const take = (): void => {
      this.taken += chunk.toString();
      callback();
    };
    if (this.#hangs) this.#waiting = take;
    else take();
  }

  goOn(): void {
    this.#hangs = false;
    this.#waiting?.();
  }
}

const drops = (count: number): string => JSON.stringify({ event: "log-dropped", count });

test("what a hanging reader does not take is bounded; the rest is dropped, counted, and told of when it reads again", async () => {
  const output = new Hanging();
  const lines = new LineWriter(output, drops);
  for (let i = 0; i < 100_000; i++) lines.write(`${i} ${"x".repeat(100)}`);
  expect(output.writableLength).toBeLessThan(1.1 * 1024 * 1024);
  const drained = new Promise((resolve) => output.once("drain", resolve));
  output.goOn();
  await drained;
  lines.write("after");
  output.end();
  await new Promise((resolve) => output.once("finish", resolve));
  const taken = output.taken.trimEnd().split("\n");
  expect(taken.at(-1)).toBe("after");
  const { event, count } = JSON.parse(taken.at(-2)!);
  expect([event, count + taken.length - 2]).toEqual(["log-dropped", 100_000]);
});

test("a reader that has left is written to no more", () => {
  const output = new Hanging();
  output.on("error", () => undefined);
  const lines = new LineWriter(output, drops);
  output.destroy(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
  for (let i = 0; i < 1_000; i++) lines.write("x");
  expect(output.writableLength).toBe(0);
});
