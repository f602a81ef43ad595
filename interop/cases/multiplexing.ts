import { downloadCase } from "./download.ts";

export const multiplexing = downloadCase({
  name: "multiplexing",
  shows: "200 concurrent requests on one connection, more than the initial stream limit",
  protocol: "h3",
  paths: (site) => site.items,
});
