import { downloadCase } from "./download.ts";

/** Two hundred simultaneous requests on one connection: more streams than initially allowed. */
export const multiplexing = downloadCase({ name: "multiplexing", protocol: "h3", paths: (site) => site.items });
