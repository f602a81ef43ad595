import { usageError } from "../fail.ts";
import type { Io } from "../io.ts";

/** Fails for an engine that cannot be used, where a client in a program would use TCP instead. */
export async function checkEngine({ env }: Io): Promise<void> {
  if (env.NAGARE_ENGINE === undefined) return;
  const { chooseEngine } = await import("../../host/engine/engine.ts");
  await chooseEngine().catch((error: Error) => {
    throw usageError(error.message);
  });
}
