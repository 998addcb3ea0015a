import { expect } from 'chai';
import { MIB } from '../../../lib/base/index.ts';
import { BlockOp, BlockOutcome, MemoryDevice } from '../../../lib/block/index.ts';
import { HeldDevice } from '../../fakes/held-device.ts';
import { failureOf, host, LiveServer } from './live-server.ts';
import type { HostLun } from './live-server.ts';

const MEDIUM_ERROR = 3;
const wanted = {
  hosts: [host('web1')],
  partitions: [
    {
      name: 'data1',
      sizeBytes: 4 * MIB,
      lun: 0,
      blockSizeBytes: 512,
      shared: false,
      hosts: { web1: 'rw' as const },
    },
  ],
};

describe('a disk that fails a flush', () => {
  let disk: HeldDevice;
  let live: LiveServer;
  let lun: HostLun;

  beforeEach(async () => {
    const memory = new MemoryDevice({ capacityBytes: 64 * MIB });
    disk = new HeldDevice(memory, { volatileWriteCache: true });
    live = await LiveServer.start({ device: disk, wanted });
    lun = await live.login(host('web1').iqn);
    await lun.write();
    disk.outcomes.set(BlockOp.flush, BlockOutcome.ioError);
    expect((await lun.flush()).sense).to.include({ key: MEDIUM_ERROR });
    disk.outcomes.clear();
  });

  afterEach(() => live.stop());

  it('fails every later flush and durable write, though the disk would do them', async () => {
    expect((await lun.flush()).sense).to.include({ key: MEDIUM_ERROR });
    const durable = [0x2a, 0x08, 0, 0, 0, 0, 0, 0, 1];
    expect((await lun.command(durable, Buffer.alloc(512))).sense).to.include({ key: MEDIUM_ERROR });
  });

  it('still reads', async () => {
    expect((await lun.read()).status).to.equal(0);
  });

  it('is shown in status, doctor and metrics, with what to do', async () => {
    const { array, attention } = live.server.status();
    expect(array.state).to.equal('failed');
    expect(array.members[0]).to.include({ state: 'failed' });
    expect(attention.join()).to.contain('MEDIUM ERROR');
    const finding = live.server.doctor().find(({ check }) => check === 'array')!;
    expect(finding).to.include({ level: 'error' });
    expect(finding.remedy).to.contain('restart');
    const { text } = await live.server.metrics.render();
    expect(text).to.contain('hawser_array_state{state="failed"} 1');
    expect(text).to.contain('hawser_disk_failed{disk="held"} 1');
  });

  it('takes no changes, and says why', async () => {
    const { kind, message } = await failureOf(live.server.unassign('data1', 'web1'));
    expect(kind).to.equal('inUse');
    expect(message).to.contain('failed');
    expect(live.server.partition('data1').assignments).to.have.length(1);
  });
});
