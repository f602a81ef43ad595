/**
 * Opens a file that was found by name, and verifies that it is the same file. Between lookup and opening, a folder on
 * the path may have become a link to elsewhere, so the location of the open file is checked. O_NOFOLLOW only protects
 * the last component.
 */
import { close, constants, fstatSync, open, readlinkSync, realpathSync, statSync } from "node:fs";
import type { Budget } from "../../host/budget.ts";
import { type Fault, guard, ignore } from "../../host/guard.ts";
import { isSameVersion } from "./content-cache.ts";
import { isBelow, type LocatedFile } from "./locate.ts";

/** Without O_NONBLOCK, opening a file that has become a pipe would wait for a writer. Windows has neither flag. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** True if the process or the system has run out of file descriptors. */
export const isExhaustion = (error: unknown): boolean =>
  ["EMFILE", "ENFILE"].includes((error as NodeJS.ErrnoException).code ?? "");

const exhaustedError = (): Error => Object.assign(new Error("too many files are open"), { code: "EMFILE" });

/** An open file; it counts against the budget until closed. */
export class OpenFile {
  readonly fd: number;
  readonly #budget: Budget;

  constructor(fd: number, budget: Budget) {
    this.fd = fd;
    this.#budget = budget;
  }

  /** Must be called exactly once. Errors are ignored: closing a file opened for reading cannot lose data. */
  close(): void {
    this.#budget.closeFile();
    close(this.fd, ignore);
  }
}

export interface OpenOptions {
  readonly root: string;
  readonly budget: Budget;
  readonly onOpen: (file: OpenFile) => void;
  /** Called if the file cannot be opened, or is not the one that was found. */
  readonly onFailure: (error: Error) => void;
  readonly onFault: (fault: Fault) => void;
}

export function openFile(located: LocatedFile, { root, budget, onOpen, onFailure, onFault }: OpenOptions): void {
  if (!budget.openFile()) {
    onFailure(exhaustedError());
    return;
  }
  const opened = guard("file open", onFault, (error: Error | null, fd: number) => {
    if (error !== null) {
      budget.closeFile();
      if (isExhaustion(error)) budget.makeRoom();
      onFailure(error);
      return;
    }
    const file = new OpenFile(fd, budget);
    let isUnchanged = false;
    try {
      // The response head was planned for exactly this content.
      isUnchanged = isSameVersion(fstatSync(fd), located.stats) && isWithin(root, fd, located);
    } finally {
      if (!isUnchanged) file.close();
    }
    if (isUnchanged) onOpen(file);
    else onFailure(new Error("the file keeps changing"));
  });
  open(located.path, OPEN_FLAGS, opened);
}

/** True if the open file is inside the folder to which `root` now resolves. */
function isWithin(root: string, fd: number, { path, stats }: LocatedFile): boolean {
  if (process.platform === "linux") {
    try {
      return isBelow(realpathSync.native(root), readlinkSync(`/proc/self/fd/${fd}`));
    } catch (error) {
      // Without /proc, check as on other systems.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  // Resolve the name again and check that it is still the opened file.
  const real = realpathSync.native(path);
  const now = statSync(real);
  return isBelow(realpathSync.native(root), real) && now.dev === stats.dev && now.ino === stats.ino;
}
