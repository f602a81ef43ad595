import { downloadCase } from "./download.ts";

/** 100 MB on one stream: flow control windows that move, loss recovery, and not a byte wrong. */
export const transfer = downloadCase({ name: "transfer", protocol: "h3", paths: (site) => [site.bulk] });
