/** Recordings in memory, in both dialects at once. */

import { ConnectionLog } from "../../src/host/qlog/connection-log.ts";
import type { ConnectionTrace, TraceConnection } from "../../src/host/quic/tracing.ts";
import { toHex } from "../../src/wire/hex.ts";
import type { Dialect } from "./validate.ts";

export type Side = "client" | "server";

export interface Recording {
  readonly side: Side;
  readonly files: Record<Dialect, string>;
  /** True once the log has ended. */
  isEnded: boolean;
}

const STARTED_AT = Date.UTC(2026, 0, 1);

export class Recordings {
  readonly all: Recording[] = [];

  readonly trace: TraceConnection = (id, side): ConnectionTrace => {
    const recording: Recording = { side, files: { rfc: "", qvis: "" }, isEnded: false };
    this.all.push(recording);
    const logs = (["rfc", "qvis"] as const).map((dialect) => {
      const sink = {
        write(record: string): boolean {
          recording.files[dialect] += record;
          return true;
        },
        end(): void {
          recording.isEnded = true;
        },
      };
      const connection = { originalDestination: toHex(id.bytes), role: side, startedAt: STARTED_AT };
      return new ConnectionLog(connection, { dialect, redact: true, maxFileSize: Number.POSITIVE_INFINITY }, sink);
    });
    return (event, now) => {
      for (const log of logs) log.handle(event, now);
    };
  };

  of(side: Side): readonly Recording[] {
    return this.all.filter((each) => each.side === side);
  }
}
