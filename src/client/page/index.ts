// A page with its frames and resources, as nagare audit loads it.

export { type LoadedPage, loadPage, type PageLimits } from "./load.ts";
