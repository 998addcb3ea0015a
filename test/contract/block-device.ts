/** What every BlockDevice promises, as one suite run over each of them. */
import { KIB } from '../../lib/base/index.ts';
import type { BlockDevice } from '../../lib/block/index.ts';
import { describeBulk, describeData, describeZeroes } from './block-device-data.ts';
import {
  describeCompletion,
  describeDraining,
  describeEnd,
  describeExtents,
  describeRefusals,
} from './block-device-rules.ts';

/**
 * A device of at least CONTRACT_CAPACITY_BYTES, empty, writable; `dispose` frees what lies behind
 * it.
 */
export interface ContractSubject {
  readonly device: BlockDevice;
  dispose?(): Promise<void> | void;
}

export const CONTRACT_CAPACITY_BYTES = 8 * 1024 * KIB;

export function describeBlockDevice(
  name: string,
  make: () => Promise<ContractSubject> | ContractSubject,
): void {
  describe(`block device contract: ${name}`, () => {
    let subject: ContractSubject;
    let device: BlockDevice;
    const use = (): BlockDevice => device;

    beforeEach(async () => {
      subject = await make();
      device = subject.device;
    });

    afterEach(async () => {
      await device.close();
      await subject.dispose?.();
    });

    describeData(use);
    describeBulk(use);
    describeZeroes(use);
    describeRefusals(use);
    describeCompletion(use);
    describeDraining(use);
    describeEnd(use);
    describeExtents(use);
  });
}
