/** What crosses a device, as a capture file that Wireshark opens. */

import { closeSync, openSync, writeSync } from "node:fs";
import type { Instant } from "../../base/time.ts";
import {
  interfaceDescription,
  type LinkDevice,
  LinkType,
  packetBlock,
  sectionHeader,
  Tracer,
} from "../../link/index.ts";

/** Frames on their way to a file in pcapng. */
export class CaptureFile implements Disposable {
  readonly #file: number;
  /** Dates for analyzers: the clock counts from the start of the process. */
  readonly #epoch = Math.round((Date.now() - performance.now()) * 1_000);
  #isOpen = true;

  /** Replaces the file. */
  constructor(path: string, interfaceName: string) {
    this.#file = openSync(path, "w");
    writeSync(this.#file, sectionHeader());
    writeSync(this.#file, interfaceDescription(LinkType.ethernet, interfaceName));
  }

  write(frame: Uint8Array, now: Instant): void {
    if (this.#isOpen) writeSync(this.#file, packetBlock((now + this.#epoch) as Instant, frame, 0));
  }

  close(): void {
    if (this.#isOpen) closeSync(this.#file);
    this.#isOpen = false;
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

class CapturedDevice extends Tracer {
  readonly #file: CaptureFile;

  constructor(device: LinkDevice, file: CaptureFile) {
    super(device, (_, frame, now) => file.write(frame, now));
    this.#file = file;
  }

  override close(): void {
    super.close();
    this.#file.close();
  }
}

/** Wraps a device, so that each of its frames is written to a file in pcapng, which is complete after each frame. */
export const capture = (device: LinkDevice, path: string): LinkDevice =>
  new CapturedDevice(device, new CaptureFile(path, device.name));
