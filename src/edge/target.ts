/** The target of `nagare serve`: a folder or a module. */
import { statSync } from "node:fs";
import { ServeError } from "../host/listen/errors.ts";
import type { FilesOptions } from "./files/index.ts";
import type { Service } from "./server.ts";

export async function serviceFor(
  target: string,
  log: (line: string) => void,
  options: Pick<FilesOptions, "spa" | "listing"> = {},
): Promise<Service> {
  const { isModulePath, loadModule } = await import("./module.ts");
  if (isModulePath(target)) {
    const { createFetchHandler } = await import("../host/http/fetch-handler.ts");
    const { handler, nativeRequest } = await loadModule(target);
    return createFetchHandler(handler, { log, nativeRequest });
  }
  if (statSync(target, { throwIfNoEntry: false })?.isFile()) {
    throw new ServeError("MODULE_INVALID", `${target} is neither a folder nor a module (.js, .ts): name its folder`);
  }
  const { FileService } = await import("./files/service.ts");
  return new FileService(target, { ...options, log });
}
