import { expect } from 'chai';
import { SeededRandom } from '../../../lib/base/index.ts';
import { isnsEntity, IsnsRegistration, parsePortalAddress } from '../../../lib/discovery/index.ts';
import { decodeAttributes, encodeAttributes } from '../../../lib/discovery/isns/attributes.ts';
import type { IsnsAttribute } from '../../../lib/discovery/isns/attributes.ts';
import { encodePdu, isnsFunction, IsnsFramer, RESPONSE } from '../../../lib/discovery/isns/pdu.ts';
import { VirtualTimers } from '../../fakes/virtual-timers.ts';

const name = 'iqn.2026-11.io.hawser:unit1';
const entity = isnsEntity({
  targetName: name,
  portals: [{ listen: parsePortalAddress('192.0.2.10:3260'), portalGroupTag: 1 }],
  ownAddresses: [],
});
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const FOUND = encodeAttributes([
  { name: 'iscsiName', value: name },
  { name: 'delimiter', value: '' },
  { name: 'entityId', value: name },
]);

/** A registration with a server that is played by the test. */
class Stage {
  readonly timers = new VirtualTimers();
  dials = 0;
  hangUps = 0;
  readonly sent: { functionId: number; transactionId: number; payload: Buffer }[] = [];
  readonly #framer = new IsnsFramer();
  readonly registration = new IsnsRegistration({
    entity,
    timers: this.timers,
    random: new SeededRandom(1),
    link: {
      connect: () => this.dials++,
      disconnect: () => this.hangUps++,
      send: (bytes) => this.sent.push(...this.#framer.push(bytes)!),
    },
  });

  /** Answers the latest request. */
  answer(status: number, rest: Buffer = Buffer.alloc(0)): void {
    const { functionId, transactionId } = this.sent.at(-1)!;
    const payload = Buffer.concat([u32(status), rest]);
    this.registration.received(
      encodePdu({ functionId: functionId | RESPONSE, transactionId, payload }),
    );
  }

  registered(): this {
    this.registration.start();
    this.registration.connected();
    this.answer(0);
    return this;
  }

  get functions(): number[] {
    return this.sent.map(({ functionId }) => functionId);
  }
}

const register = isnsFunction.deviceAttributeRegister;
const inquire = isnsFunction.deviceAttributeQuery;
const deregister = isnsFunction.deviceDeregister;

describe('iSNS registration', () => {
  it('registers as soon as the server is reached', () => {
    const stage = new Stage().registered();
    expect(stage.functions).to.deep.equal([register]);
    expect(stage.registration.state).to.equal('registered');
  });

  it('tells entity, portal, node and portal group', () => {
    const stage = new Stage().registered();
    const attributes = decodeAttributes(stage.sent[0]!.payload)!;
    expect(attributes.map((attribute) => attribute.name)).to.deep.equal([
      'iscsiName',
      'entityId',
      'delimiter',
      'entityId',
      'entityProtocol',
      'registrationPeriod',
      'portalAddress',
      'portalPort',
      'iscsiName',
      'iscsiNodeType',
      'iscsiAlias',
      'groupTag',
      'groupAddress',
      'groupPort',
    ]);
  });

  it('inquires thrice within the registration period', () => {
    const stage = new Stage().registered();
    stage.timers.advance(300_000);
    expect(stage.functions).to.deep.equal([register, inquire]);
    stage.answer(0, FOUND);
    expect(stage.registration.state).to.equal('registered');
  });

  it('inquires more often where the server grants a shorter period', () => {
    const stage = new Stage();
    stage.registration.start();
    stage.registration.connected();
    stage.answer(0, encodeAttributes([{ name: 'registrationPeriod', value: 30 }]));
    stage.timers.advance(10_000);
    expect(stage.functions).to.deep.equal([register, inquire]);
  });

  it('registers anew where the server has forgotten', () => {
    const stage = new Stage().registered();
    stage.timers.advance(300_000);
    stage.answer(0);
    expect(stage.functions).to.deep.equal([register, inquire, register]);
  });

  it('registers anew where the server does not know the source', () => {
    const stage = new Stage().registered();
    stage.timers.advance(300_000);
    stage.answer(6);
    expect(stage.functions).to.deep.equal([register, inquire, register]);
  });

  it('after a lost connection inquires before it registers', () => {
    const stage = new Stage().registered();
    stage.registration.disconnected('gone');
    stage.timers.advance(1_000);
    expect(stage.dials).to.equal(2);
    stage.registration.connected();
    expect(stage.functions).to.deep.equal([register, inquire]);
  });

  it('dials again and again, ever more slowly, up to a minute', () => {
    const stage = new Stage();
    stage.registration.start();
    for (let round = 0; round < 12; round++) {
      stage.registration.disconnected('refused');
      stage.timers.advance(60_000);
    }
    expect(stage.dials).to.equal(13);
    stage.registration.disconnected('refused');
    stage.timers.advance(29_000);
    expect(stage.dials).to.equal(13);
  });

  it('hangs up on a server that does not answer, and says so', () => {
    const stage = new Stage();
    stage.registration.start();
    stage.registration.connected();
    stage.timers.advance(10_000);
    expect(stage.hangUps).to.equal(1);
    expect(stage.registration.lastFailure).to.match(/does not answer/);
  });

  it('names the reason of a refusal', () => {
    const stage = new Stage();
    stage.registration.start();
    stage.registration.connected();
    stage.answer(8);
    expect(stage.registration.lastFailure).to.equal(
      'registration refused: source unauthorized (8)',
    );
  });

  it('hangs up on a server that talks something else', () => {
    const stage = new Stage().registered();
    stage.registration.received(Buffer.from('HTTP/1.1 400 Bad Request\r\n'));
    expect(stage.hangUps).to.equal(1);
  });

  it('does not take an answer to an earlier request for the latest', () => {
    const stage = new Stage().registered();
    stage.timers.advance(300_000);
    const { transactionId } = stage.sent[0]!;
    const stale = { functionId: inquire | RESPONSE, transactionId, payload: u32(0) };
    stage.registration.received(encodePdu(stale));
    expect(stage.registration.state).to.equal('inquiring');
  });

  it('answers the status inquiry of the server', () => {
    const stage = new Stage().registered();
    const payload = encodeAttributes([{ name: 'entityId', value: name }]);
    const functionId = isnsFunction.entityStatusInquiry;
    stage.registration.received(encodePdu({ functionId, transactionId: 77, payload }));
    expect(stage.sent.at(-1)).to.deep.equal({
      functionId: functionId | RESPONSE,
      transactionId: 77,
      payload: Buffer.concat([u32(0), payload]),
    });
  });

  it('registers a change of portals at once', () => {
    const stage = new Stage().registered();
    stage.registration.update({ ...entity, portals: [] });
    expect(stage.functions).to.deep.equal([register, register]);
  });

  it('registers a change again that came while a request was open', () => {
    const stage = new Stage();
    stage.registration.start();
    stage.registration.connected();
    stage.registration.update({ ...entity, portals: [] });
    stage.answer(0);
    expect(stage.functions).to.deep.equal([register, register]);
  });

  it('takes the registration back when it stops', () => {
    const stage = new Stage().registered();
    let left = 0;
    stage.registration.stop(() => left++);
    expect(stage.functions).to.deep.equal([register, deregister]);
    stage.answer(0);
    expect([left, stage.hangUps, stage.timers.pending]).to.deep.equal([1, 1, 0]);
  });

  it('stops in bounded time where the server is silent', () => {
    const stage = new Stage().registered();
    let left = 0;
    stage.registration.stop(() => left++);
    stage.timers.advance(10_000);
    expect([left, stage.timers.pending]).to.deep.equal([1, 0]);
  });

  it('stops at once where it was not connected', () => {
    const stage = new Stage();
    stage.registration.start();
    let left = 0;
    stage.registration.stop(() => left++);
    expect([left, stage.timers.pending]).to.deep.equal([1, 0]);
  });
});

describe('iSNS attributes', () => {
  const values: readonly [string, IsnsAttribute][] = [
    ['a text', { name: 'iscsiName', value: name }],
    ['a text of whole words', { name: 'iscsiAlias', value: 'abcd' }],
    ['an empty one', { name: 'entityId', value: '' }],
    ['a number', { name: 'portalPort', value: 3260 }],
    ['an IPv4 address', { name: 'portalAddress', value: '192.0.2.10' }],
    ['an IPv6 address', { name: 'portalAddress', value: '2001:db8:0:0:0:0:0:1' }],
  ];
  for (const [what, attribute] of values)
    it(`reads back ${what}`, () => {
      expect(decodeAttributes(encodeAttributes([attribute]))).to.deep.equal([attribute]);
    });

  it('expands an abbreviated IPv6 address', () => {
    const bytes = encodeAttributes([{ name: 'portalAddress', value: '2001:db8::1' }]);
    expect(bytes.subarray(8).toString('hex')).to.equal('20010db8000000000000000000000001');
  });

  it('maps an IPv4 address into IPv6', () => {
    const bytes = encodeAttributes([{ name: 'portalAddress', value: '192.0.2.10' }]);
    expect(bytes.toString('hex')).to.equal('000000100000001000000000000000000000ffffc000020a');
  });

  it('ends a text with a null byte and pads it to words', () => {
    const bytes = encodeAttributes([{ name: 'iscsiAlias', value: 'abcd' }]);
    expect(bytes.toString('hex')).to.equal('00000022000000086162636400000000');
  });

  it('skips attributes that we do not know', () => {
    expect(decodeAttributes(Buffer.from('0000080000000004deadbeef', 'hex'))).to.deep.equal([]);
  });

  it('refuses lengths that contradict each other', () => {
    for (const hex of ['00000020', '0000002000000008abcdef01', '0000002000000003abcdef00'])
      expect(decodeAttributes(Buffer.from(hex, 'hex')), hex).to.equal(undefined);
  });
});

describe('iSNS framing', () => {
  const message = { functionId: 1, transactionId: 9, payload: Buffer.alloc(24, 7) };

  it('puts a message together from chunks of any size', () => {
    const bytes = Buffer.concat([encodePdu(message), encodePdu(message)]);
    for (let chunkBytes = 1; chunkBytes <= bytes.length; chunkBytes++) {
      const framer = new IsnsFramer();
      const found = [];
      for (let at = 0; at < bytes.length; at += chunkBytes)
        found.push(...framer.push(bytes.subarray(at, at + chunkBytes))!);
      expect(found, `chunks of ${chunkBytes}`).to.deep.equal([message, message]);
    }
  });

  it('carries a long message in several PDUs', () => {
    const long = { ...message, payload: Buffer.alloc(200_000, 7) };
    const bytes = encodePdu(long);
    expect(bytes.length).to.equal(200_000 + 4 * 12);
    expect(new IsnsFramer().push(bytes)).to.deep.equal([long]);
  });

  it('refuses a PDU out of sequence', () => {
    const bytes = encodePdu(message);
    bytes.writeUInt16BE(3, 10);
    expect(new IsnsFramer().push(bytes)).to.equal(undefined);
  });

  it('refuses a message without end', () => {
    const bytes = encodePdu({ ...message, payload: Buffer.alloc(65_532) });
    bytes.writeUInt16BE(0x8400, 6);
    const framer = new IsnsFramer();
    let result: unknown = [];
    for (let sequence = 0; sequence < 20 && result !== undefined; sequence++) {
      bytes.writeUInt16BE(sequence, 10);
      result = framer.push(Buffer.from(bytes));
    }
    expect(result).to.equal(undefined);
  });
});

describe('the registered entity', () => {
  it('has every address of the machine for a portal on all of them', () => {
    const everywhere = isnsEntity({
      targetName: name,
      portals: [{ listen: parsePortalAddress('[::]:3260'), portalGroupTag: 1 }],
      ownAddresses: ['192.0.2.10', '2001:db8::10'],
    });
    expect(everywhere.portals.map(({ address }) => address)).to.deep.equal([
      '192.0.2.10',
      '2001:db8::10',
    ]);
  });

  it('has the advertised address where it is one, the own where it is a name', () => {
    const listen = parsePortalAddress('192.0.2.10:3260');
    const portals = [
      { listen, advertise: parsePortalAddress('203.0.113.5:13260'), portalGroupTag: 1 },
      { listen, advertise: parsePortalAddress('storage.example'), portalGroupTag: 1 },
    ];
    const translated = isnsEntity({ targetName: name, portals, ownAddresses: [] });
    expect(translated.portals.map(({ address }) => address)).to.deep.equal([
      '203.0.113.5',
      '192.0.2.10',
    ]);
  });
});
