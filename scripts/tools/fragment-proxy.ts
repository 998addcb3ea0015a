/**
 * A TCP proxy that makes a bad link of a good one: tiny segments, delays, in both directions. For
 * tests of what is behind it: a stream protocol must not care how its bytes are cut.
 *
 *   node dist/scripts/tools/fragment-proxy.js LISTEN-PORT TARGET-PORT [SEED]
 */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { SeededRandom } from '../../lib/base/index.ts';

export interface FragmentOptions {
  readonly targetPort: number;
  /** Segments have 1 byte up to this many. */
  readonly segmentBytesMax: number;
  /** One segment in so many is held back … */
  readonly delayOneIn: number;
  /** … for up to this long. */
  readonly delayMsMax: number;
  readonly seed: number;
}

export const tinySegments = { segmentBytesMax: 7, delayOneIn: 500, delayMsMax: 20 } as const;

export interface FragmentProxy {
  readonly port: number;
  /** Bytes that went through, both directions together. */
  readonly bytes: number;
  close(): Promise<void>;
}

/** @param listenPort 0 for any that is free. */
export async function startFragmentProxy(
  options: FragmentOptions,
  listenPort = 0,
): Promise<FragmentProxy> {
  const random = new SeededRandom(options.seed);
  const sockets = new Set<Socket>();
  let bytes = 0;
  const server: Server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: options.targetPort, host: '127.0.0.1', noDelay: true });
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from);
      from.on('close', () => sockets.delete(from));
      from.on('error', () => to.destroy());
      void carry(from, to, { options, random, count: (length) => (bytes += length) });
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.on('error', reject);
    server.listen(listenPort, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    get bytes() {
      return bytes;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

interface Carrier {
  readonly options: FragmentOptions;
  readonly random: SeededRandom;
  count(lengthBytes: number): void;
}

async function carry(from: Socket, to: Socket, carrier: Carrier): Promise<void> {
  const { options, random, count } = carrier;
  try {
    for await (const chunk of from as AsyncIterable<Buffer>) {
      count(chunk.length);
      for (let at = 0, length = 0; at < chunk.length; at += length) {
        length = 1 + random.below(options.segmentBytesMax);
        if (random.below(options.delayOneIn) === 0) await pause(random.below(options.delayMsMax));
        await written(to, chunk.subarray(at, at + length));
      }
    }
    to.end();
  } catch {
    // one end was reset: so is the other
    to.destroy();
  }
}

/** A write of its own, so that it leaves as a segment of its own. */
const written = (socket: Socket, bytes: Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function main(listen: string, target: string, seed = '1'): Promise<void> {
  const options = { ...tinySegments, targetPort: Number(target), seed: Number(seed) };
  const proxy = await startFragmentProxy(options, Number(listen));
  console.log(`127.0.0.1:${proxy.port} → 127.0.0.1:${target}, seed ${seed}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [listen, target, seed] = process.argv.slice(2);
  if (listen === undefined || target === undefined) {
    console.error('usage: fragment-proxy LISTEN-PORT TARGET-PORT [SEED]');
    process.exitCode = 2;
  } else await main(listen, target, seed);
}
