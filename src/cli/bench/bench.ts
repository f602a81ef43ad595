// `nagare bench`: runs a load generator, shows how far it is, and prints the result.
import { LoadGenerator } from "../../client/load/index.ts";
import { EXIT, silentExit } from "../fail.ts";
import { checkEngine } from "../get/engine.ts";
import { colorsFor, type InterruptSignal, type Io, write } from "../io.ts";
import { type BenchFlags, loadFrom } from "./flags.ts";
import { resultOf } from "./result.ts";
import { headline, LiveView, reportLines } from "./view.ts";

export async function bench(url: string, flags: BenchFlags, io: Io): Promise<void> {
  const options = await loadFrom(url, flags);
  await checkEngine(io);
  const isLive = io.stderr.isTTY === true && flags.json !== true;
  const view = isLive ? new LiveView(io.stderr, options) : undefined;
  const generator = new LoadGenerator({ ...options, ...(view && { onProgress: (progress) => view.show(progress) }) });
  let interrupted: InterruptSignal | undefined;
  const stopListening = io.onInterrupt((signal) => {
    if (interrupted !== undefined) process.exit(EXIT[signal]);
    interrupted = signal;
    generator.stop();
  });
  try {
    if (isLive) io.stderr.write(`${headline(options)}\n`);
    const report = await generator.run();
    view?.clear();
    const text =
      flags.json === true
        ? `${JSON.stringify(resultOf(options, report))}\n`
        : `${reportLines(options, report, colorsFor(io.stdout, io.env)).join("\n")}\n`;
    await write(io.stdout, text);
    if (interrupted !== undefined) throw silentExit(EXIT[interrupted]);
    if (report.completed === 0) throw silentExit(EXIT.failed);
  } finally {
    stopListening();
  }
}
