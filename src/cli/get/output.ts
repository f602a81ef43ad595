// Where the body goes: stdout or a file, each at its own pace.
import { type FileHandle, open } from "node:fs/promises";
import { CliError, describe, silentExit } from "../fail.ts";
import { type Io, write } from "../io.ts";

export interface Destination {
  write(data: string | Uint8Array): Promise<void>;
  close(): Promise<void>;
}

export async function openDestination(path: string | undefined, io: Io): Promise<Destination> {
  if (path === undefined) {
    return {
      write: (data) => write(io.stdout, data).catch(explainStdout),
      close: async () => {},
    };
  }
  let file: FileHandle;
  try {
    file = await open(path, "w");
  } catch (error) {
    throw explainFile(error, path);
  }
  return {
    async write(data) {
      const bytes = typeof data === "string" ? Buffer.from(data) : data;
      for (let offset = 0; offset < bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, offset).catch((error: unknown) => {
          throw explainFile(error, path);
        });
        offset += bytesWritten;
      }
    },
    close: () => file.close(),
  };
}

/** The reader of a pipe has had enough (`nagare get … | head`): nothing to complain about, and nothing more to do. */
function explainStdout(error: NodeJS.ErrnoException): never {
  if (error.code === "EPIPE" || error.code === "ERR_STREAM_DESTROYED") throw silentExit(1);
  throw new CliError("WRITE_FAILED", `stdout cannot be written: ${error.code ?? error.message}`, { cause: error });
}

function explainFile(error: unknown, path: string): CliError {
  const { code, message, hint } = describe(Object.assign(error as Error, { path }));
  return new CliError(code, message, { hint, cause: error });
}
