// --keylog and SSLKEYLOGFILE: only on request, and with a warning.
import { KeyLogFile } from "../../host/keylog.ts";
import { CliError, EXIT } from "../fail.ts";
import type { Io } from "../io.ts";

export interface OpenKeyLog {
  readonly write: (line: string) => void;
  close(): void;
}

export function openKeyLog(flag: string | undefined, io: Io): OpenKeyLog | undefined {
  const path = flag ?? io.env.SSLKEYLOGFILE;
  if (path === undefined || path === "") return undefined;
  let file: KeyLogFile;
  try {
    file = new KeyLogFile(path, () =>
      io.stderr.write(`nagare: the key log ${path} is incomplete: writing to it failed\n`),
    );
  } catch (error) {
    throw new CliError("KEYLOG", (error as Error).message, { exitCode: EXIT.usage, cause: error });
  }
  const because = flag === undefined ? " (SSLKEYLOGFILE)" : "";
  io.stderr.write(
    `nagare: writing TLS keys to ${path}${because}: anyone who can read this file can decrypt this traffic\n`,
  );
  return { write: (line) => file.write(`${line}\n`), close: () => file.close() };
}
