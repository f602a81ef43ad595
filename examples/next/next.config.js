export default {
  // Other lock files above this folder are not the app's.
  turbopack: { root: import.meta.dirname },
  outputFileTracingRoot: import.meta.dirname,
};
