// What started this program (npm, and who started that) may end without a signal to it: then nobody is left to stop it.
import { readFileSync } from "node:fs";

const EVERY = 500;
/** npm starts a shell, which starts the program: the third is who started npm. */
const GENERATIONS = 3;

/** Calls back once one of those that started this process is gone. */
export function whenOrphaned(onOrphaned: () => void, ancestors: () => string = ancestorsOf): () => void {
  const first = ancestors();
  const timer = setInterval(() => {
    if (ancestors() === first) return;
    clearInterval(timer);
    onOrphaned();
  }, EVERY);
  timer.unref();
  return () => clearInterval(timer);
}

/** Process ids, the parent's first. Where there is no /proc, the parent's alone. */
function ancestorsOf(): string {
  const ids = [process.ppid];
  try {
    while (ids.length < GENERATIONS && ids.at(-1)! > 1) {
      const [, parent] = /\) \S (\d+)/.exec(readFileSync(`/proc/${ids.at(-1)}/stat`, "latin1")) ?? [];
      ids.push(Number(parent));
    }
  } catch {
    // Not Linux, or it ended this moment: the next look tells.
  }
  return ids.join(" ");
}
