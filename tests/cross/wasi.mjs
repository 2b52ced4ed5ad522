// node wasi.mjs PROGRAM.wasm: runs a program for WASI.  SPDX-License-Identifier: MIT
import { readFile } from "node:fs/promises";
import { argv, exit } from "node:process";
import { WASI } from "node:wasi";

const wasi = new WASI({ version: "preview1", args: ["probe"] });
const { instance } = await WebAssembly.instantiate(await readFile(argv[2]), { wasi_snapshot_preview1: wasi.wasiImport });
exit(wasi.start(instance));
