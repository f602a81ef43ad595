/**
 * Opens a file that was found by its name, and makes sure that it is the one. Between looking and opening, a folder on
 * the way may have become a link to elsewhere, so the open file is asked where it is. O_NOFOLLOW guards the last name alone.
 */
import { close, constants, fstatSync, open, readlinkSync, realpathSync, statSync } from "node:fs";
import type { Budget } from "../../host/budget.ts";
import { type Fault, guard, ignore } from "../../host/guard.ts";
import { isSameVersion } from "./content-cache.ts";
import { isBelow, type LocatedFile } from "./locate.ts";

/** Without O_NONBLOCK, opening what has meanwhile become a pipe would wait for a writer. Windows has neither flag. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** The process or the system has no descriptor left. */
export const isExhaustion = (error: unknown): boolean =>
  ["EMFILE", "ENFILE"].includes((error as NodeJS.ErrnoException).code ?? "");

const exhausted = (): Error => Object.assign(new Error("too many files are open"), { code: "EMFILE" });

/** An open file, counted in the budget until it is closed. */
export class OpenFile {
  readonly fd: number;
  readonly #budget: Budget;

  constructor(fd: number, budget: Budget) {
    this.fd = fd;
    this.#budget = budget;
  }

  /** To be called once. A descriptor that was only read has nothing to lose. */
  close(): void {
    this.#budget.closeFile();
    close(this.fd, ignore);
  }
}

export interface OpenOptions {
  readonly root: string;
  readonly budget: Budget;
  readonly onOpen: (file: OpenFile) => void;
  /** It cannot be opened, or is not what was found. */
  readonly onFailure: (error: Error) => void;
  readonly onFault: (fault: Fault) => void;
}

export function openFile(located: LocatedFile, { root, budget, onOpen, onFailure, onFault }: OpenOptions): void {
  if (!budget.openFile()) {
    onFailure(exhausted());
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
    let keeps = false;
    try {
      // The head was planned for exactly this content.
      keeps = isSameVersion(fstatSync(fd), located.stats) && isWithin(root, fd, located);
    } finally {
      if (!keeps) file.close();
    }
    if (keeps) onOpen(file);
    else onFailure(new Error("the file keeps changing"));
  });
  open(located.path, OPEN_FLAGS, opened);
}

/** Whether the open file lies in the folder that `root` is now. */
function isWithin(root: string, fd: number, { path, stats }: LocatedFile): boolean {
  if (process.platform === "linux") {
    try {
      return isBelow(realpathSync.native(root), readlinkSync(`/proc/self/fd/${fd}`));
    } catch (error) {
      // Without /proc, as on other systems.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  // By name again: what the name leads to now, and that this is what was opened.
  const real = realpathSync.native(path);
  const now = statSync(real);
  return isBelow(realpathSync.native(root), real) && now.dev === stats.dev && now.ino === stats.ino;
}
