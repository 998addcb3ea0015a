import { expect } from 'chai';
import { RawClient } from './raw-client.ts';
import type { LoginOptions } from './raw-client.ts';
import { encodeText, frame, header, opcode } from './raw-pdu.ts';
import { read10, testUnitReady, write10 } from './support/cdb.ts';
import { TargetService, UNIT_IQN } from './support/service.ts';

const HOST = 'iqn.2026-11.test:digests';
const BLOCKS = 128;
const GOOD = 0;

const choices = {
  header: ['CRC32C', 'None'],
  data: ['None', 'CRC32C'],
  both: ['CRC32C', 'CRC32C'],
};

describe('digests, computed by another hand', () => {
  let target: TargetService;
  let client: RawClient;

  before(async () => {
    target = await TargetService.start({
      partitions: { data1: { size: '8MiB', lun: 0, shared: 'cluster', hosts: { '*': 'rw' } } },
    });
  });

  after(() => target?.dispose());
  afterEach(() => client?.destroy());

  async function login([HeaderDigest, DataDigest]: readonly string[]): Promise<RawClient> {
    const options: LoginOptions = {
      initiatorName: HOST,
      targetName: UNIT_IQN,
      keys: { HeaderDigest: HeaderDigest!, DataDigest: DataDigest! },
    };
    client = await RawClient.session(target.port, options);
    await client.command(testUnitReady);
    return client;
  }

  for (const [what, choice] of Object.entries(choices))
    it(`${what}: data goes in and out unchanged`, async () => {
      const session = await login(choice);
      const out = Buffer.alloc(BLOCKS * 512, what);
      expect((await session.command(write10(0, BLOCKS), { out })).status).to.equal(GOOD);
      const { data } = await session.command(read10(0, BLOCKS), { inBytes: out.length });
      expect(data.equals(out)).to.equal(true);
      expect(await session.ping()).to.equal(true);
    });

  it('a PDU whose header digest is wrong ends the connection', async () => {
    const session = await login(choices.both);
    const bytes = frame(header(opcode.nopOut, 0x80, 1, true), Buffer.alloc(0), both);
    bytes[50]! ^= 1;
    session.sendBytes(bytes);
    await session.closed;
  });

  it('data whose digest is wrong is not acted upon', async () => {
    const session = await login(choices.both);
    const bhs = header(opcode.text, 0x80, 0x77);
    bhs.writeUInt32BE(0xffff_ffff, 20);
    bhs.writeUInt32BE(session.cmdSn, 24);
    const bytes = frame(bhs, encodeText({ SendTargets: '' }), both);
    bytes[bytes.length - 1]! ^= 1;
    session.sendBytes(bytes);
    const rejected = session
      .receive((pdu) => pdu.opcode === opcode.reject)
      .then(
        (pdu) => pdu.bhs[2],
        () => 'disconnected',
      );
    expect(await rejected).to.be.oneOf([DATA_DIGEST_ERROR, 'disconnected']);
    const answers = session.unread.filter((pdu) => pdu.opcode === opcode.textResponse);
    expect(answers).to.deep.equal([]);
  });
});

const DATA_DIGEST_ERROR = 2;
const both = { header: true, data: true };
