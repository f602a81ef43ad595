/** The page cache as the chosen engine reads it. Loads the engine at the first read, and knows nothing until then. */

import type { EngineChoice } from "../engine/choice.ts";
import { detach, type Fault } from "../guard.ts";
import { noPageCache, type PageCache } from "./page-cache.ts";

export class EnginePageCache implements PageCache {
  readonly #engine: EngineChoice | undefined;
  readonly #onFault: (fault: Fault) => void;
  #loaded: PageCache | undefined;
  #isLoading = false;

  constructor(engine: EngineChoice | undefined, onFault: (fault: Fault) => void) {
    this.#engine = engine;
    this.#onFault = onFault;
  }

  read(fd: number, chunk: Uint8Array, length: number, position: number): number | undefined {
    if (this.#loaded !== undefined) return this.#loaded.read(fd, chunk, length, position);
    if (!this.#isLoading) {
      this.#isLoading = true;
      detach("file engine", this.#onFault, this.#load());
    }
    return 0;
  }

  async #load(): Promise<void> {
    const { chooseEngine } = await import("../engine/engine.ts");
    // An engine that was demanded in vain is reported by what opens the server's sockets.
    const engine = await chooseEngine(this.#engine).catch(() => undefined);
    this.#loaded = engine?.pageCache ?? noPageCache;
  }
}
