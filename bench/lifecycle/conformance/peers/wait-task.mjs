// The task of pools that take a file with a function.
export default (ms) => (ms > 0 ? new Promise((resolve) => setTimeout(resolve, ms)) : ms);
