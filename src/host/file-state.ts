/** Notices changes of files by polling `stat`; `certificates/certificates.ts` tells why not with fs.watch. */

import { statSync } from "node:fs";

/** `stat` follows links. The change time (ctime) also shows new permissions, and writes that restore the old time. */
export function fileState(path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
