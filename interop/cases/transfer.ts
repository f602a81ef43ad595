import { downloadCase } from "./download.ts";

/** 100 MB on one stream: moving flow control windows, loss recovery, and every byte intact. */
export const transfer = downloadCase({ name: "transfer", protocol: "h3", paths: (site) => [site.bulk] });
