/** Serves a folder as a Handler. */
import type { Context } from "../../host/http/fetch-context.ts";
import { toFetchHandler } from "../exchange-handler.ts";
import { createFileService } from "./safe-variant.ts";
import type { FilesOptions } from "./service.ts";

/**
 * Serves the files of a folder like `nagare serve DIR`:
 *
 *     const files = serveFiles("./site");
 *     serve((request, context) => request.url.includes("/api/") ? api(request) : files(request, context));
 */
export function serveFiles(
  directory: string,
  options?: FilesOptions,
): (request: Request, context: Context) => Response | Promise<Response> {
  const handler = toFetchHandler(createFileService(directory, options ?? {}).handle);
  return (request, context) => handler(request, context, context);
}
