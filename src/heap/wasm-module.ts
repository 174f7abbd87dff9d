import { readFileSync } from 'node:fs';

/** The part used here: its types belong to browsers' library of TypeScript, which a Node.js program does not load. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Memory: new (pages: { initial: number; maximum: number }) => WasmMemory;
  readonly Instance: new (module: object, imports: object) => { readonly exports: unknown };
};

export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

export const PAGE_BYTES = 65_536;
/** Where addresses of 32 bits end. */
export const MOST_PAGES = 65_536;

const compiled = new Map<string, object>();

/**
 * Memory in pages of 64 KiB, all of it zero; what is not touched takes address space only.
 * @throws RangeError when the system does not give it.
 */
export function wasmMemory(initialPages: number, mostPages = initialPages): WasmMemory {
  return new WebAssembly.Memory({ initial: initialPages, maximum: mostPages });
}

/** Makes a memory as large as that; views of it from before are of no use then. @throws RangeError as above. */
export function growTo(memory: WasmMemory, bytes: number): void {
  const pages = Math.ceil((bytes - memory.buffer.byteLength) / PAGE_BYTES);
  if (pages > 0) memory.grow(pages);
}

/** Exports of a module of `wasm/` that works in a memory. Each module is compiled once in a process. */
export function instantiate(name: 'scanner' | 'graph' | 'strings', memory: WasmMemory): unknown {
  let module = compiled.get(name);
  if (module === undefined) {
    module = new WebAssembly.Module(readFileSync(new URL(`./wasm/${name}.wasm`, import.meta.url)));
    compiled.set(name, module);
  }
  const abort = (): never => {
    throw new Error(`${name}.wasm aborted`);
  };
  return new WebAssembly.Instance(module, { env: { memory, abort } }).exports;
}
