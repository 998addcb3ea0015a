import { expect } from 'chai';
import { KIB } from '../../../lib/base/index.ts';
import { promiseFace } from '../../../lib/block/index.ts';
import { Opcode, dataOut, r2t, scsiCommand } from '../../../lib/iscsi/index.ts';
import { decode } from '../../../lib/wire/index.ts';
import { TargetWorld, cdb10 } from '../../fakes/target-harness.ts';
import type { RawClient, ReceivedPdu, WorldOptions } from '../../fakes/target-harness.ts';

const HOST = 'iqn.2026-11.test:host';
const BLOCK = 512;
const CHECK_CONDITION = 2;

async function connect(
  keys: Record<string, string> = {},
  options?: WorldOptions,
): Promise<{ world: TargetWorld; client: RawClient }> {
  const world = new TargetWorld(options);
  const client = world.client();
  await client.connect(HOST, keys);
  return { world, client };
}

const pattern = (bytes: number, seed = 1): Buffer =>
  Buffer.from(
    Array.from({ length: bytes }, (_, index) => (index * 7 + seed * 13 + (index >> 8)) & 0xff),
  );

interface WriteOptions {
  readonly blocks: number;
  readonly immediate?: Buffer;
  readonly final?: boolean;
  readonly expectedBytes?: number;
}

function startWrite(client: RawClient, options: WriteOptions): number {
  const initiatorTaskTag = client.nextTag();
  const value = {
    initiatorTaskTag,
    cmdSn: client.cmdSn++,
    write: true,
    final: options.final ?? true,
    expectedDataTransferLengthBytes: options.expectedBytes ?? options.blocks * BLOCK,
    cdb: cdb10(0x2a, 0, options.blocks),
  };
  client.send(scsiCommand, value, options.immediate);
  return initiatorTaskTag;
}

/** Answers R2Ts from `data` until the response comes, in segments of `segmentBytes`. */
async function serveR2ts(
  client: RawClient,
  data: Buffer,
  segmentBytes = 8 * KIB,
): Promise<ReceivedPdu> {
  for (;;) {
    const pdus = await client.received();
    for (const { opcode, header } of pdus) {
      if (opcode !== Opcode.r2t) continue;
      const asked = decode(r2t, header);
      const end = asked.bufferOffsetBytes + asked.desiredLengthBytes;
      let dataSn = 0;
      for (let at = asked.bufferOffsetBytes; at < end; at += segmentBytes) {
        const last = Math.min(at + segmentBytes, end);
        const { initiatorTaskTag, targetTransferTag, lun } = asked;
        const value = { initiatorTaskTag, targetTransferTag, lun, bufferOffsetBytes: at };
        client.send(
          dataOut,
          { ...value, dataSn: dataSn++, final: last === end },
          data.subarray(at, last),
        );
      }
    }
    const response = pdus.find(({ opcode }) => opcode === Opcode.scsiResponse);
    if (response !== undefined) return response;
    expect(pdus, 'neither R2T nor response').to.not.deep.equal([]);
  }
}

async function stored(world: TargetWorld, bytes: number): Promise<Buffer> {
  const into = Buffer.alloc(bytes);
  await promiseFace(world.device).read(0, into);
  return into;
}

describe('A write at the target', () => {
  const data = pattern(64 * KIB);

  it('is asked for by R2T where nothing may come unasked', async () => {
    const { world, client } = await connect({
      InitialR2T: 'Yes',
      ImmediateData: 'No',
      MaxBurstLength: '16384',
      MaxOutstandingR2T: '2',
    });
    startWrite(client, { blocks: 128 });
    const response = await serveR2ts(client, data, 4 * KIB);
    expect(response.header[3], 'status').to.equal(0);
    expect(response.header.readUInt32BE(36), 'ExpDataSN counts R2Ts').to.equal(4);
    expect(await stored(world, data.length)).to.deep.equal(data);
  });

  it('never has more R2Ts open than negotiated', async () => {
    const { client } = await connect({
      InitialR2T: 'Yes',
      ImmediateData: 'No',
      MaxBurstLength: '8192',
      MaxOutstandingR2T: '3',
    });
    startWrite(client, { blocks: 128 });
    const opened = (await client.received()).filter(({ opcode }) => opcode === Opcode.r2t);
    expect(opened.map(({ header }) => decode(r2t, header).r2tSn)).to.deep.equal([0, 1, 2]);
  });

  it('takes immediate data and asks for the rest', async () => {
    const { world, client } = await connect({ InitialR2T: 'Yes', ImmediateData: 'Yes' });
    startWrite(client, { blocks: 128, immediate: data.subarray(0, 8 * KIB) });
    const response = await serveR2ts(client, data);
    expect(response.header[3]).to.equal(0);
    expect(await stored(world, data.length)).to.deep.equal(data);
  });

  it('takes unsolicited Data-Out up to the first burst', async () => {
    const { world, client } = await connect({
      InitialR2T: 'No',
      ImmediateData: 'Yes',
      FirstBurstLength: '16384',
    });
    const tag = startWrite(client, {
      blocks: 128,
      immediate: data.subarray(0, 8 * KIB),
      final: false,
    });
    expect(await client.received(), 'no R2T before the burst is complete').to.deep.equal([]);
    const rest = {
      initiatorTaskTag: tag,
      targetTransferTag: 0xffffffff,
      bufferOffsetBytes: 8 * KIB,
    };
    client.send(dataOut, { ...rest, final: true }, data.subarray(8 * KIB, 16 * KIB));
    const response = await serveR2ts(client, data);
    expect(response.header[3]).to.equal(0);
    expect(await stored(world, data.length)).to.deep.equal(data);
  });

  it('is the same when the stream comes byte by byte', async () => {
    const { world, client } = await connect({ InitialR2T: 'No', ImmediateData: 'Yes' });
    const whole: Buffer[] = [];
    const send = client.sendBytes.bind(client);
    client.sendBytes = (bytes) => whole.push(bytes);
    startWrite(client, { blocks: 8, immediate: data.subarray(0, 4 * KIB) });
    for (const byte of Buffer.concat(whole)) send(Buffer.from([byte]));
    expect((await client.received())[0]!.header[3]).to.equal(0);
    expect(await stored(world, 4 * KIB)).to.deep.equal(data.subarray(0, 4 * KIB));
  });

  it('ends in CHECK CONDITION where a Data-Out is missing', async () => {
    const { world, client } = await connect({ InitialR2T: 'Yes', ImmediateData: 'No' });
    const before = await stored(world, 8 * KIB);
    startWrite(client, { blocks: 16 });
    const [asked] = await client.received();
    const { initiatorTaskTag, targetTransferTag } = decode(r2t, asked!.header);
    client.send(
      dataOut,
      { initiatorTaskTag, targetTransferTag, dataSn: 1, final: true, bufferOffsetBytes: 0 },
      data.subarray(0, 8 * KIB),
    );
    const [response] = await client.received();
    expect(response!.header[3]).to.equal(CHECK_CONDITION);
    expect(await stored(world, 8 * KIB)).to.deep.equal(before);
  });

  it('ends in CHECK CONDITION where a Data-Out goes past what was asked for', async () => {
    const { client } = await connect({
      InitialR2T: 'Yes',
      ImmediateData: 'No',
      MaxBurstLength: '4096',
    });
    startWrite(client, { blocks: 16 });
    const [asked] = await client.received();
    const { initiatorTaskTag, targetTransferTag } = decode(r2t, asked!.header);
    client.send(
      dataOut,
      { initiatorTaskTag, targetTransferTag, final: true },
      data.subarray(0, 8 * KIB),
    );
    const answers = await client.received();
    expect(answers.find(({ opcode }) => opcode === Opcode.scsiResponse)!.header[3]).to.equal(
      CHECK_CONDITION,
    );
  });

  it('writes no more than was sent where less is expected than the CDB asks for', async () => {
    const { world, client } = await connect({ InitialR2T: 'Yes', ImmediateData: 'Yes' });
    startWrite(client, {
      blocks: 8,
      expectedBytes: 2 * BLOCK,
      immediate: data.subarray(0, 2 * BLOCK),
    });
    const [response] = await client.received();
    expect(response!.header[1]! & 0x06, 'overflow').to.equal(0x04);
    expect(response!.header.readUInt32BE(44)).to.equal(6 * BLOCK);
    expect((await stored(world, 4 * KIB)).subarray(2 * BLOCK).every((byte) => byte === 0)).to.equal(
      true,
    );
  });

  it('waits for memory when the server has none left and goes on when there is some', async () => {
    const { world, client } = await connect(
      { InitialR2T: 'No', ImmediateData: 'Yes' },
      { budgetBytes: 64 * KIB },
    );
    const taken = world.buffers.acquire(64 * KIB)!;
    startWrite(client, { blocks: 8, immediate: data.subarray(0, 4 * KIB) });
    expect(await client.received()).to.deep.equal([]);
    taken.release();
    expect((await client.received())[0]!.header[3]).to.equal(0);
    expect(await stored(world, 4 * KIB)).to.deep.equal(data.subarray(0, 4 * KIB));
    expect(world.buffers.usedBytes).to.equal(0);
  });
});

describe('A read at the target', () => {
  async function readBack(keys: Record<string, string>, bytes: number): Promise<ReceivedPdu[]> {
    const { world, client } = await connect(keys);
    await promiseFace(world.device).write(0, pattern(bytes));
    const value = {
      read: true,
      expectedDataTransferLengthBytes: bytes,
      cdb: cdb10(0x28, 0, bytes / BLOCK),
    };
    client.send(scsiCommand, {
      ...value,
      initiatorTaskTag: client.nextTag(),
      cmdSn: client.cmdSn++,
    });
    const pdus = await client.received();
    expect(Buffer.concat(pdus.map(({ data }) => data))).to.deep.equal(pattern(bytes));
    expect(world.buffers.usedBytes, 'buffers given back').to.equal(0);
    return pdus;
  }

  it('leaves as one PDU that carries the status', async () => {
    const [only, ...more] = await readBack({}, 4 * KIB);
    expect(more).to.deep.equal([]);
    expect(only!.opcode).to.equal(Opcode.dataIn);
    expect(only!.header[1]).to.equal(0x81);
  });

  it('is cut into the segments that the initiator takes, in sequences of MaxBurstLength', async () => {
    const pdus = await readBack(
      { MaxRecvDataSegmentLength: '4096', MaxBurstLength: '8192' },
      20 * KIB,
    );
    expect(pdus.map(({ header }) => header[1])).to.deep.equal([0x00, 0x80, 0x00, 0x80, 0x81]);
    expect(pdus.map(({ header }) => header.readUInt32BE(36))).to.deep.equal([0, 1, 2, 3, 4]);
    expect(pdus.map(({ header }) => header.readUInt32BE(40))).to.deep.equal([
      0, 4096, 8192, 12288, 16384,
    ]);
  });
});
