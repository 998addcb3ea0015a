/**
 * The contract of every BlockDevice, over the wire: a memory device served by our target and opened
 * by our initiator.
 */
import { MIB } from '../../../lib/base/index.ts';
import { MemoryDevice } from '../../../lib/block/index.ts';
import { Initiator } from '../../../lib/transport/initiator.ts';
import { Target } from '../../../lib/transport/target.ts';
import { describeBlockDevice } from '../../contract/block-device.ts';
import type { ContractSubject } from '../../contract/block-device.ts';

const IQN = 'iqn.2026-11.io.hawser:contract';

async function remote(blockSizeBytes: 512 | 4096, parameters: string): Promise<ContractSubject> {
  const target = new Target({ iqn: IQN });
  const medium = new MemoryDevice({ capacityBytes: 8 * MIB, blockSizeBytes });
  await target.addLun(3, medium, { hosts: { '*': 'rw' } });
  const portal = await target.listen('127.0.0.1:0');
  const device = await Initiator.open(`iscsi://${portal}/${IQN}/3${parameters}`);
  return {
    device,
    dispose: async () => {
      await target.close();
      await medium.close();
    },
  };
}

describeBlockDevice('remote LUN', () => remote(512, ''));
describeBlockDevice('remote LUN with blocks of 4096 bytes and digests', () =>
  remote(4096, '?header_digest=crc32c&data_digest=crc32c'),
);
