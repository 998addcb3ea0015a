/** Tables of everything that commands list. */
import { roundedSize } from '../../config/quantity.ts';
import type {
  ArrayEntry,
  FindingEntry,
  HostEntry,
  PartitionEntry,
  PlanLine,
  SessionEntry,
  TaskEntry,
} from '../../lib/admin/index.ts';
import type { RowView } from './output.ts';

export const partitionView: RowView<PartitionEntry> = {
  name: ({ name }) => name,
  columns: [
    { header: 'NAME', text: ({ name }) => name },
    { header: 'LUN', right: true, text: ({ lun }) => String(lun) },
    { header: 'SIZE', right: true, text: ({ sizeBytes }) => roundedSize(sizeBytes) },
    {
      header: 'STATE',
      text: ({ state, detail }) => (detail === '' ? state : `${state}: ${detail}`),
    },
    { header: 'HOSTS', text: ({ assignments }) => assignments.map(assignmentText).join(', ') },
    {
      header: 'CONNECTED',
      text: ({ connected }) => [...new Set(connected.map(({ host }) => host))].join(', '),
    },
    { header: 'ACCESS', text: accessText },
    {
      header: 'BLOCK',
      wide: true,
      right: true,
      text: ({ blockSizeBytes }) => `${blockSizeBytes}B`,
    },
    { header: 'UUID', wide: true, text: ({ uuid }) => uuid },
    { header: 'CREATED', wide: true, text: ({ createdAt }) => createdAt },
  ],
};

const assignmentText = ({
  host,
  rights,
  suspended,
}: PartitionEntry['assignments'][number]): string =>
  `${host}:${rights}${suspended ? '(suspended)' : ''}`;

function accessText({ open, shared, assignments }: PartitionEntry): string {
  if (assignments.length === 0) return 'nobody';
  return [open ? 'open' : 'closed', ...(shared ? ['cluster'] : [])].join(',');
}

export const hostView: RowView<HostEntry> = {
  name: ({ name }) => name,
  columns: [
    { header: 'NAME', text: ({ name }) => name },
    { header: 'IQN', text: ({ iqn }) => iqn },
    { header: 'CHAP', text: ({ chapUser }) => chapUser ?? 'none (open)' },
    { header: 'MUTUAL', wide: true, text: ({ mutualUser }) => mutualUser ?? '' },
    {
      header: 'PARTITIONS',
      text: ({ partitions }) =>
        partitions.map(({ name, rights }) => `${name}:${rights}`).join(', '),
    },
    { header: 'SESSIONS', right: true, text: ({ sessions }) => String(sessions) },
  ],
};

export const sessionView: RowView<SessionEntry> = {
  name: ({ tsih }) => String(tsih),
  columns: [
    { header: 'TSIH', right: true, text: ({ tsih }) => String(tsih) },
    { header: 'HOST', text: ({ host }) => host },
    { header: 'INITIATOR', text: ({ initiatorName }) => initiatorName },
    { header: 'TYPE', text: ({ type }) => type },
    {
      header: 'FROM',
      text: ({ connections }) => connections.map(({ remoteAddress }) => remoteAddress).join(', '),
    },
    { header: 'LUNS', text: ({ luns }) => luns.join(',') },
    { header: 'COMMANDS', right: true, text: ({ commands }) => String(commands) },
    { header: 'READ', right: true, text: ({ dataInBytes }) => roundedSize(dataInBytes) },
    { header: 'WRITTEN', right: true, text: ({ dataOutBytes }) => roundedSize(dataOutBytes) },
    { header: 'CHAP', wide: true, text: ({ authenticatedAs }) => authenticatedAs ?? 'none' },
    { header: 'ISID', wide: true, text: ({ isid }) => isid },
    { header: 'SINCE', wide: true, text: ({ since }) => since },
    {
      header: 'DIGESTS',
      wide: true,
      text: ({ connections }) =>
        [
          ...(connections.some(({ headerDigest }) => headerDigest) ? ['header'] : []),
          ...(connections.some(({ dataDigest }) => dataDigest) ? ['data'] : []),
        ].join(','),
    },
  ],
};

export const memberView: RowView<ArrayEntry['members'][number]> = {
  name: ({ path }) => path,
  columns: [
    { header: 'DISK', text: ({ path }) => path },
    { header: 'SIZE', right: true, text: ({ sizeBytes }) => roundedSize(sizeBytes) },
    { header: 'STATE', text: ({ state }) => state },
    { header: 'DETAIL', text: ({ detail }) => detail },
    { header: 'UUID', wide: true, text: ({ uuid }) => uuid },
  ],
};

export const findingView: RowView<FindingEntry> = {
  name: ({ check }) => check,
  columns: [
    { header: 'CHECK', text: ({ check }) => check },
    { header: 'LEVEL', text: ({ level }) => level },
    { header: 'FINDING', text: ({ finding }) => finding },
    { header: 'REMEDY', text: ({ remedy }) => remedy },
  ],
};

export const taskView: RowView<TaskEntry> = {
  name: ({ id }) => id,
  columns: [
    { header: 'TASK', text: ({ id }) => id },
    { header: 'STATE', text: ({ state }) => state },
    { header: 'WHAT', text: ({ title }) => title },
    { header: 'STARTED', text: ({ startedAt }) => startedAt },
    { header: 'ENDED', text: ({ endedAt }) => endedAt ?? '' },
    { header: 'FAILURE', text: ({ failure }) => failure?.message ?? '' },
  ],
};

const signs = { create: '+', update: '~', delete: '-', keep: '=' } as const;

export const planView: RowView<PlanLine> = {
  name: ({ kind, name }) => `${kind}/${name}`,
  columns: [
    { header: ' ', text: ({ action }) => signs[action] },
    { header: 'ACTION', text: ({ action }) => action },
    { header: 'KIND', text: ({ kind }) => kind },
    { header: 'NAME', text: ({ name }) => name },
    { header: 'CHANGES', text: (line) => line.note || line.changes.map(changeText).join(', ') },
  ],
};

function changeText({ field, from, to }: PlanLine['changes'][number]): string {
  const show = (value: typeof from): string =>
    typeof value === 'number' && field.endsWith('Bytes') ? roundedSize(value) : String(value);
  const name = field.replace(/Bytes$/, '');
  if (from === null) return `${name} ${show(to)}`;
  return to === null ? `${name} was ${show(from)}` : `${name} ${show(from)} -> ${show(to)}`;
}
