// The parts of undici that nagare/undici stands on: the class that undici's own functions expect, its errors, and its
// agent for what this client does not do.
export { Agent as UndiciAgent, Dispatcher, errors as undiciErrors } from "undici";
