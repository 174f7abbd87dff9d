/**
 * The native door: the calls of the operating system that Node has no function for, through a package that needs no
 * compiling (`koffi`), or through Node's own `node:ffi`. Not a door of the package: `shm` and `leases` stand on it.
 */
export { Native, native, needNative, whyNoNative } from './native.js';
