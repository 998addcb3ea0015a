/** From the configuration file's words to the storage server's settings. */
import type { PortalSettings, ServerSettings } from '../../lib/admin/index.ts';
import { ChapAlgorithm } from '../../lib/auth/index.ts';
import { formatSize } from '../../config/index.ts';
import type { TargetConfig } from '../../config/index.ts';

const algorithms: Readonly<Record<string, ChapAlgorithm>> = {
  'sha3-256': ChapAlgorithm.sha3_256,
  sha256: ChapAlgorithm.sha256,
  sha1: ChapAlgorithm.sha1,
  md5: ChapAlgorithm.md5,
};

export function serverSettings(config: TargetConfig, version: string): ServerSettings {
  const { drainMs, transferMemoryBytes, ...limits } = config.limits;
  return {
    version,
    iqn: config.iqn,
    stateDirectory: config.stateDirectory,
    portals: portalSettings(config),
    isns: config.isns,
    chapAlgorithms: config.chapAlgorithms.map((name) => algorithms[name]!),
    layout: config.array.layout,
    chunkBytes: config.array.chunkBytes,
    disks: config.array.disks,
    engine: config.io.engine,
    direct: config.io.direct,
    writeCache: config.io.writeCache,
    limits: config.io.spin ? limits : { ...limits, spinMs: 0 },
    transferMemoryBytes,
    drainMs,
    exported: exportedSettings(config),
  };
}

export const portalSettings = ({ listen, advertise }: TargetConfig): readonly PortalSettings[] =>
  listen.map((address) => ({ listen: address, advertise: advertise[address] ?? null }));

/** Keys that differ between two readings of the file and take effect at the next start only. */
export function restartKeys(before: TargetConfig, after: TargetConfig): readonly string[] {
  const parts = (config: TargetConfig): Readonly<Record<string, unknown>> => ({
    iqn: config.iqn,
    state: config.stateDirectory,
    isns: config.isns,
    chapAlgorithms: config.chapAlgorithms,
    'admin.listen': config.admin.listen,
    'admin.tls': config.admin.tls,
    array: config.array,
    io: config.io,
    limits: config.limits,
  });
  const [old, now] = [parts(before), parts(after)];
  return Object.keys(now).filter((key) => JSON.stringify(old[key]) !== JSON.stringify(now[key]));
}

/**
 * What `export` writes besides hosts and partitions: paths absolute, secrets from the environment.
 */
function exportedSettings(config: TargetConfig): Readonly<Record<string, unknown>> {
  const { admin, array, io } = config;
  return {
    iqn: config.iqn,
    state: config.stateDirectory,
    listen: config.listen,
    advertise: config.advertise,
    isns: config.isns,
    chapAlgorithms: config.chapAlgorithms,
    admin: {
      listen: admin.listen,
      ...(admin.token !== undefined && { token: '${HAWSER_TOKEN}' }),
      ...(admin.insecure && { insecure: true }),
      ...(admin.names.length > 0 && { names: admin.names }),
      ...(admin.tls !== undefined && { tls: admin.tls }),
    },
    array: {
      layout: array.layout,
      chunk: formatSize(array.chunkBytes),
      disks: array.disks.map(exportedDisk),
    },
    io: { ...io, writeCache: io.writeCache ? 'on' : 'off' },
    limits: config.exportedLimits,
  };
}

function exportedDisk(disk: TargetConfig['array']['disks'][number]): object {
  if (disk.memoryBytes !== undefined) return { memory: formatSize(disk.memoryBytes) };
  return {
    path: disk.path,
    ...(disk.sizeBytes !== undefined && { size: formatSize(disk.sizeBytes) }),
    ...(disk.sparse && { sparse: true }),
  };
}
