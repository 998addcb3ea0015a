/** The typed face of the addon in native/. Nothing else loads it. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import bindings from 'bindings';
import { Failure } from '../base/index.ts';

/** Flags of `openFile`, shared with native/file.cc. */
export const NativeOpenFlag = { readOnly: 1, direct: 2, create: 4 } as const;

/** What the system knows of an open file. */
export interface FileFacts {
  readonly fd: number;
  readonly bytes: number;
  readonly allocatedBytes: number;
  /** Unit of offset and length: the device's block, or what direct I/O asks for. */
  readonly logicalBlockBytes: number;
  readonly physicalBlockBytes: number;
  /** What memory must be aligned to. */
  readonly memoryAlignBytes: number;
  readonly deviceMajor: number;
  readonly deviceMinor: number;
  readonly inode: number;
  readonly blockDevice: boolean;
  /** False although asked for where the file system has no direct I/O. */
  readonly direct: boolean;
  readonly punchesHoles: boolean;
}

export interface NativeEngineOptions {
  readonly kind: 'io_uring' | 'threads';
  /** Most operations handed to the kernel at once. */
  readonly depth: number;
  readonly threads: number;
  /** Per entry of a batch: token, operation, descriptor, slab number. */
  readonly words: Int32Array;
  /** Per entry of a batch: offset in the slab, length, offset in the file. */
  readonly numbers: Float64Array;
  /** Per completion: token, 0 or a negative errno. */
  readonly completions: Int32Array;
  readonly onCompletions: (count: number) => void;
}

export interface NativeEngineHandle {
  submit(count: number): void;
  cancel(token: number): void;
  inFlight(): number;
  close(): void;
}

/** Functions that fail throw or reject with an Error that has a negative `errno`. */
export interface NativeBinding {
  readonly Engine: new (options: NativeEngineOptions) => NativeEngineHandle;
  allocateSlab(bytes: number): { readonly id: number; readonly buffer: ArrayBuffer };
  openFile(path: string, flags: number): FileFacts;
  fileSize(fd: number): number;
  /** Gives `bytes` from the start of the file storage, and that size where it is shorter. */
  preallocate(fd: number, bytes: number): Promise<void>;
  /** At most `limit` pairs of start and end of what is not a hole. */
  dataRanges(fd: number, offset: number, length: number, limit: number): Promise<Float64Array>;
  closeFile(fd: number): Promise<void>;
  /**
   * CRC32C of bytes[start, end), in hardware where there is some; `seed` is 0 or the CRC of what
   * comes before.
   */
  crc32c(bytes: Uint8Array, start: number, end: number, seed: number): number;
  /** The same by table. */
  crc32cPortable(bytes: Uint8Array, start: number, end: number, seed: number): number;
  /** One datagram to the service manager's socket; '@' begins an abstract name. */
  notify(socketPath: string, message: string): void;
  /** A copy of the descriptor, closed on exec. */
  duplicate(fd: number): number;
}

function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json'))) {
    const parent = dirname(directory);
    if (parent === directory) break;
    directory = parent;
  }
  return directory;
}

let loaded: NativeBinding | Error | undefined;

function load(): NativeBinding | Error {
  try {
    return bindings({ bindings: 'block_io', module_root: packageRoot() }) as NativeBinding;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

/** @returns undefined where the addon isn't built. */
export function nativeBindingIfBuilt(): NativeBinding | undefined {
  loaded ??= load();
  return loaded instanceof Error ? undefined : loaded;
}

/** @throws Failure where the addon isn't built. */
export function nativeBinding(): NativeBinding {
  const binding = nativeBindingIfBuilt();
  if (binding !== undefined) return binding;
  throw new Failure(
    'unexpected',
    'The native addon block_io does not load: run `npm ci` in the installation to compile it. ' +
      (loaded as Error).message.split('\n')[0]!,
    { cause: loaded },
  );
}
