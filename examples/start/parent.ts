// Stops this program if the processes that started it (npm and its parent) end without sending it a signal.
import { readFileSync } from "node:fs";

const INTERVAL = 500;
/** npm starts a shell, which starts the program; the third generation is the parent of npm. */
const GENERATIONS = 3;

/** Calls back once an ancestor of this process is gone. */
export function whenOrphaned(onOrphaned: () => void, ancestors: () => string = ancestorsOf): () => void {
  const first = ancestors();
  const timer = setInterval(() => {
    if (ancestors() === first) return;
    clearInterval(timer);
    onOrphaned();
  }, INTERVAL);
  timer.unref();
  return () => clearInterval(timer);
}

/** Process IDs of the ancestors, nearest first. Only the parent's if there is no /proc. */
function ancestorsOf(): string {
  const ids = [process.ppid];
  try {
    while (ids.length < GENERATIONS && ids.at(-1)! > 1) {
      const [, parent] = /\) \S (\d+)/.exec(readFileSync(`/proc/${ids.at(-1)}/stat`, "latin1")) ?? [];
      ids.push(Number(parent));
    }
  } catch {
    // Not Linux, or the process just ended; the next check will tell.
  }
  return ids.join(" ");
}
