import { downloadCase } from "./download.ts";

/** Two hundred requests at once on one connection: more streams than were allowed at first. */
export const multiplexing = downloadCase({ name: "multiplexing", protocol: "h3", paths: (site) => site.items });
