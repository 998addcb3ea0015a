/**
 * Counters of the data path for Prometheus: read when they are asked for, never touched in between.
 */
import { Counter, Gauge, Registry } from 'prom-client';
import { LATENCY_BUCKETS } from '../scsi/index.ts';
import type { UnitCounters } from '../scsi/index.ts';
import { arrayState, partitionsOf } from './storage/show.ts';
import type { ServerParts } from './storage/server-parts.ts';

const MICROSECONDS = 1e6;
const arrayStates = ['online', 'failed', 'unavailable'] as const;

/** Units of the partitions that are served, by name. */
type Sample = readonly (readonly [string, UnitCounters])[];

interface UnitMetric {
  readonly name: string;
  readonly help: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: (counters: UnitCounters) => number;
}

const unitMetrics: readonly UnitMetric[] = [
  metric('scsi_commands_total', 'Commands ended', { op: 'read' }, (unit) => unit.readCommands),
  metric('scsi_commands_total', 'Commands ended', { op: 'write' }, (unit) => unit.writeCommands),
  metric('scsi_commands_total', 'Commands ended', { op: 'other' }, (unit) => unit.otherCommands),
  metric('scsi_bytes_total', 'User data moved', { op: 'read' }, (unit) => unit.readBytes),
  metric('scsi_bytes_total', 'User data moved', { op: 'write' }, (unit) => unit.writeBytes),
  metric('scsi_failed_commands_total', 'CHECK CONDITIONs', {}, (unit) => unit.failedCommands),
  metric('scsi_aborted_commands_total', 'Commands aborted', {}, (unit) => unit.abortedCommands),
  metric('scsi_medium_errors_total', 'Medium errors', { op: 'read' }, (unit) => unit.readErrors),
  metric('scsi_medium_errors_total', 'Medium errors', { op: 'write' }, (unit) => unit.writeErrors),
  metric('scsi_unmapped_bytes_total', 'Space given back', {}, (unit) => unit.unmappedBytes),
];

function metric(
  name: string,
  help: string,
  labels: Readonly<Record<string, string>>,
  value: (counters: UnitCounters) => number,
): UnitMetric {
  return { name: `hawser_target_${name}`, help, labels, value };
}

export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #parts: ServerParts;

  constructor(parts: ServerParts, version: string) {
    this.#parts = parts;
    this.#addUnitMetrics();
    this.#addLatency();
    this.#addNodeCounters();
    this.#addGauges(version);
    this.#addArray();
  }

  async render(): Promise<{ contentType: string; text: string }> {
    return { contentType: this.#registry.contentType, text: await this.#registry.metrics() };
  }

  #sample(): Sample {
    return partitionsOf(this.#parts).flatMap(({ name, uuid }) => {
      const unit = this.#parts.units.get(uuid);
      return unit === undefined ? [] : [[name, unit.counters] as const];
    });
  }

  #addUnitMetrics(): void {
    for (const name of new Set(unitMetrics.map((row) => row.name))) {
      const rows = unitMetrics.filter((row) => row.name === name);
      const labelNames = ['partition', ...Object.keys(rows[0]!.labels)];
      const sample = (): Sample => this.#sample();
      new Counter({
        name,
        help: rows[0]!.help,
        labelNames,
        registers: [this.#registry],
        collect() {
          this.reset();
          for (const [partition, counters] of sample()) {
            for (const row of rows) this.inc({ partition, ...row.labels }, row.value(counters));
          }
        },
      });
    }
  }

  #addLatency(): void {
    const name = 'hawser_target_scsi_command_seconds';
    const help = 'Time from a command to its end';
    // prom-client takes anything that can tell its values; its own histogram has to be told each of
    // them
    const histogram = {
      name,
      help,
      type: 'histogram',
      aggregator: 'sum',
      get: () => Promise.resolve({ name, help, type: 'histogram', values: this.#latencies(name) }),
    };
    this.#registry.registerMetric(histogram as unknown as Gauge);
  }

  #latencies(name: string): object[] {
    return this.#sample().flatMap(([partition, counters]) => [
      ...latencyValues(name, { partition, op: 'read' }, counters.readLatency),
      ...latencyValues(name, { partition, op: 'write' }, counters.writeLatency),
    ]);
  }

  #addNodeCounters(): void {
    const { counters } = this.#parts.node;
    for (const key of Object.keys(counters) as (keyof typeof counters)[]) {
      const words = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      const name = `hawser_target_${words}_total`;
      this.#counter(name, `Of the target node: ${key}`, () => counters[key]);
    }
  }

  #counter(name: string, help: string, value: () => number): void {
    new Counter({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  }

  #addGauges(version: string): void {
    const { node, holder } = this.#parts;
    const state = (): { totalBytes: number; freeBytes: number } =>
      holder.found?.status() ?? { totalBytes: 0, freeBytes: 0 };
    this.#gauge('hawser_info', 'Version of the service', () => 1, { version, role: 'target' });
    this.#gauge('hawser_target_sessions', 'Sessions logged in', () => node.sessions().length);
    this.#gauge('hawser_target_serving', '1: logins are taken', () => Number(node.serving));
    this.#gauge('hawser_array_size_bytes', 'Size of the array', () => state().totalBytes);
    this.#gauge('hawser_array_free_bytes', 'Free space of the array', () => state().freeBytes);
    this.#gauge('hawser_partitions', 'Partitions', () => partitionsOf(this.#parts).length);
    this.#gauge('process_resident_memory_bytes', 'Resident memory', () =>
      process.memoryUsage.rss(),
    );
    this.#counter('process_cpu_seconds_total', 'Processor time used', () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / MICROSECONDS;
    });
  }

  #addArray(): void {
    const parts = this.#parts;
    const members = () => parts.holder.found?.status().members ?? [];
    this.#gauges('hawser_array_state', '1: the array is in this state', 'state', () => {
      const now = arrayState(parts.holder);
      return arrayStates.map((state) => [state, Number(state === now)]);
    });
    this.#gauges('hawser_disk_failed', '1: the disk refused to make data durable', 'disk', () =>
      members().map(({ path, state }) => [path, Number(state === 'failed')]),
    );
    this.#gauges('hawser_disk_io_errors', 'I/O errors of a disk since the start', 'disk', () =>
      members().map(({ path, ioErrors }) => [path, ioErrors]),
    );
    this.#gauges('hawser_partition_size_bytes', 'Size of a partition', 'partition', () =>
      partitionsOf(parts).map(({ name, sizeBytes }) => [name, sizeBytes]),
    );
  }

  /** A gauge with a value for each of several things. */
  #gauges(
    name: string,
    help: string,
    label: string,
    values: () => readonly (readonly [string, number])[],
  ): void {
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [what, value] of values()) this.set({ [label]: what }, value);
      },
    });
  }

  #gauge(
    name: string,
    help: string,
    value: () => number,
    labels: Readonly<Record<string, string>> = {},
  ): void {
    new Gauge({
      name,
      help,
      labelNames: Object.keys(labels),
      registers: [this.#registry],
      collect() {
        this.set(labels, value());
      },
    });
  }
}

/** Buckets are powers of two of a microsecond; the sum is estimated from their middles. */
function latencyValues(
  name: string,
  labels: Readonly<Record<string, string>>,
  buckets: Float64Array,
): object[] {
  const values: object[] = [];
  let count = 0;
  let sum = 0;
  for (let index = 0; index < LATENCY_BUCKETS; index++) {
    const endSeconds = 2 ** index / MICROSECONDS;
    count += buckets[index]!;
    sum += buckets[index]! * endSeconds * 0.75;
    const last = index === LATENCY_BUCKETS - 1;
    const le = last ? '+Inf' : endSeconds;
    values.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: count });
  }
  values.push({ metricName: `${name}_sum`, labels, value: sum });
  values.push({ metricName: `${name}_count`, labels, value: count });
  return values;
}
