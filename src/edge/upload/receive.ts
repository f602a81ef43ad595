/** From a request's content to the storage: counted, written, hashed, synced before it is told, and ended by whatever ends it. */

import { createHash } from "node:crypto";
import { describeFault, type Fault, guard, ignore } from "../../host/guard.ts";
import { Timer } from "../../host/timer.ts";
import type { UploadWriter } from "../../host/uploads/storage.ts";
import {
  type ExpectedDigest,
  type Reception,
  type ReceptionEnd,
  UploadRefusal,
} from "../../http/resumable-upload/index.ts";
import { equalBytes } from "../../wire/text.ts";
import { RequestCutError, type UploadBody } from "./call.ts";
import type { UploadSettings } from "./options.ts";
import type { UploadHold } from "./upload-locks.ts";

export interface ReceiveOptions {
  readonly body: UploadBody;
  readonly reception: Reception;
  readonly writer: UploadWriter;
  readonly hold: UploadHold;
  readonly settings: Pick<UploadSettings, "stallTimeout" | "clock" | "log">;
  /** What the content of this request must have. It then counts only at its end. */
  readonly digest: ExpectedDigest | undefined;
  /** Called with each durable offset while content arrives. */
  readonly onDurable: (offset: number) => void;
}

export interface Received {
  /** Undefined if the request failed. */
  readonly end: ReceptionEnd | undefined;
  /** Why the request failed. */
  readonly failure: unknown;
  /** The durable offset. */
  readonly offset: number;
}

/** Bytes that are written at once. */
const GATHERED = 256 * 1024;
/** Milliseconds from the beginning to the first sync; the pauses double up to the second number. */
const FIRST_SYNC = 1_000;
const LONGEST_SYNC = 60_000;

/** Reads the content to its end. Closes the writer. Rejects only if the storage cannot say what it has. */
export async function receive(options: ReceiveOptions): Promise<Received> {
  const { body, reception, writer, hold, settings, digest } = options;
  const waiting = new Interruptible();
  hold.onWanted(() => waiting.interrupt(takenOver()));
  const onFault = (fault: Fault): void => {
    settings.log(describeFault(fault));
    waiting.interrupt(fault.error);
  };
  const stalled = guard("upload stalled", onFault, () => waiting.interrupt(stall()));
  const timer = new Timer(stalled, settings.stallTimeout, settings.clock);
  const hash = digest === undefined ? undefined : createHash(digest.hash);
  let writing: Promise<void> | undefined;
  let gathered: Uint8Array[] = [];
  let gatheredBytes = 0;
  /** Starts to write what was gathered, once the write before has ended. The next chunks arrive meanwhile. */
  const write = async (): Promise<void> => {
    await writing;
    if (gathered.length === 0) return;
    const chunks = gathered;
    writing = writer.write(chunks).then(() => body.release?.(chunks));
    writing.catch(ignore); // the next call reports it
    gathered = [];
    gatheredBytes = 0;
  };
  let end: ReceptionEnd | undefined;
  let failure: unknown;
  let pause = FIRST_SYNC;
  let nextSync = settings.clock.date() + pause;
  try {
    for (;;) {
      const chunks = await waiting.for(body.next());
      if (chunks === undefined) break;
      timer.refresh();
      let bytes = 0;
      for (const chunk of chunks) bytes += chunk.byteLength;
      reception.take(bytes);
      if (hash !== undefined) for (const chunk of chunks) hash.update(chunk);
      gathered.push(...chunks);
      gatheredBytes += bytes;
      // One large write costs little more than a small one. Nothing of it was told, so nothing is lost.
      if (gatheredBytes >= GATHERED) await write();
      // What arrives in the rest of this turn of the event loop is then taken at once.
      else await waiting.for(new Promise<void>((resolve) => settings.clock.defer(resolve)));
      const now = settings.clock.date();
      if (digest !== undefined || now < nextSync) continue;
      await write();
      await writing;
      options.onDurable(await writer.flush());
      pause = Math.min(2 * pause, LONGEST_SYNC);
      nextSync = settings.clock.date() + pause;
    }
    await write();
    await writing;
    end = reception.end();
    if (digest !== undefined && !equalBytes(hash!.digest(), digest.value)) throw digestMismatch("this request");
  } catch (error) {
    failure = error;
    end = undefined;
  }
  timer.clear();
  try {
    await write();
    await writing;
    // All content may have arrived, and only the end of the message be missing.
    if (failure instanceof RequestCutError) end = endOfCut(options);
  } catch (error) {
    failure = error;
  }
  return { end, failure, offset: await writer.close() };
}

function endOfCut({ reception, digest }: ReceiveOptions): ReceptionEnd {
  const end = reception.cut();
  // What was not checked does not count.
  return digest === undefined ? end : { kind: "interrupted" };
}

/** Waits for promises, until it is interrupted. Unlike Promise.race, it leaves nothing behind on long-lived promises. */
class Interruptible {
  #error: Error | undefined;
  #reject: ((error: Error) => void) | undefined;

  interrupt(error: Error): void {
    this.#error ??= error;
    this.#reject?.(this.#error);
  }

  for<T>(promise: Promise<T>): Promise<T> {
    if (this.#error !== undefined) {
      promise.catch(ignore);
      return Promise.reject(this.#error);
    }
    const interrupted = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    return Promise.race([promise, interrupted]);
  }
}

const takenOver = (): UploadRefusal =>
  new UploadRefusal(409, "UPLOAD_LOCKED", "a newer request for the same upload took over");

const stall = (): UploadRefusal =>
  new UploadRefusal(408, "STALLED", "no content has arrived for too long; what came is kept");

/** Statuses differ: the service gives tus 1.0 its own. */
export const digestMismatch = (what: string): UploadRefusal =>
  new UploadRefusal(400, "DIGEST_MISMATCH", `the content of ${what} does not have the digest that was announced`);
