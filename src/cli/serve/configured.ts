// The server of a configuration file.

import { loadConfig } from "../../edge/config/index.ts";
import type { MemcacheService } from "../../edge/memcache/service.ts";
import type { Server } from "../../edge/server.ts";
import { certificateSources, isDevelopment } from "../../edge/sites/certificate-sources.ts";
import { CliError, EXIT } from "../fail.ts";
import { readVersion } from "../version.ts";
import type { ConfiguredServer } from "./flags.ts";
import type { Companion, ServedProgram } from "./served-program.ts";

export async function configuredProgram(
  file: string,
): Promise<{ readonly configured: ConfiguredServer; readonly program: ServedProgram }> {
  const { config } = await loadConfig(file).catch((error: Error & { readonly code?: string }) => {
    throw new CliError(error.code ?? "CONFIG_INVALID", error.message, { exitCode: EXIT.usage, cause: error });
  });
  const { accessLog, deprecationReport, handBack, requestId, traceContext, trustedProxies, metrics, limits } = config;
  const { ConfiguredSites } = await import("../../edge/sites/configured-sites.ts");
  let memcache: MemcacheService | undefined;
  let sites: Awaited<ReturnType<typeof ConfiguredSites.open>> | undefined;
  const openCompanion = async (log: (line: string) => void): Promise<Companion> => {
    const { startMemcacheListener } = await import("../../edge/memcache/listener.ts");
    const service = await startMemcacheListener({
      version: readVersion(),
      section: config.memcache!,
      read: async () => (await loadConfig(file)).config.memcache,
      log,
    });
    memcache = service;
    return {
      line: `memcached proxy on ${service.addresses.join(", ")}`,
      text: () => service.metrics.ownText(),
      close: (grace) => service.close(grace),
    };
  };
  return {
    configured: {
      listen: config.listen ?? {},
      certificates: await certificateSources(config),
      isDevelopment: isDevelopment(config),
      operations: { accessLog, deprecationReport, handBack, requestId, traceContext, trustedProxies, metrics, limits },
    },
    program: {
      file,
      createService: async (log) => {
        sites = await ConfiguredSites.open(file, config, log);
        return sites;
      },
      ...(config.memcache === undefined ? {} : { openCompanion }),
      reload: async (server: Server) => {
        await memcache?.reload();
        if (sites !== undefined) {
          await sites.reconfigure(server);
          return;
        }
        // The workers read the file again. If it is broken, this says so before any of them starts.
        const { config: next } = await loadConfig(file);
        // This process obtains certificates for them, also those of sites that are new.
        const { SupervisedServer } = await import("../../edge/workers/supervised-server.ts");
        if (server instanceof SupervisedServer) await server.obtain(await certificateSources(next));
        await server.reload();
      },
    },
  };
}
