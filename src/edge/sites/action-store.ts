/**
 * The actions in use, by what the configuration says about them. A reload that leaves an action as it was keeps it, with its
 * connections, caches and state. One that is no longer wanted is closed when the last request that uses it has ended.
 */

import type { Action } from "./action.ts";

export interface HeldAction {
  readonly action: Action;
  /** Call it once. Resolves when the action is closed, if this was its last user. */
  release(): Promise<void>;
}

interface Entry {
  readonly action: Promise<Action>;
  users: number;
}

export class ActionStore {
  readonly #entries = new Map<unknown, Entry>();

  /** Keys are compared as Map does. Rejects as `create` does. */
  async hold(key: unknown, create: () => Promise<Action>): Promise<HeldAction> {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { action: create(), users: 0 };
      this.#entries.set(key, entry);
    }
    entry.users += 1;
    const held = entry;
    const drop = (): boolean => {
      held.users -= 1;
      if (held.users > 0) return false;
      if (this.#entries.get(key) === held) this.#entries.delete(key);
      return true;
    };
    try {
      const action = await held.action;
      return {
        action,
        release: async () => {
          if (!drop()) return;
          await action.settled?.();
          await action.close?.();
        },
      };
    } catch (error) {
      drop();
      throw error;
    }
  }
}
