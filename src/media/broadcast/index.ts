/** A broadcast of CMAF through a relay: publishing and watching. */

export { BroadcastPublisher, type PublisherOptions } from "./publisher.ts";
export { BroadcastWatcher, type WatcherEvents, type WatcherOptions } from "./watcher.ts";
