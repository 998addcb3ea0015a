import { expect } from 'chai';
import {
  decodeTransportId,
  encodeTransportId,
  initiatorPort,
} from '../../../lib/scsi/reservations/transport-id.ts';

const port = initiatorPort('iqn.1993-08.org.debian:01:web1', Buffer.from('00023d000001', 'hex'));

describe('iSCSI TransportID', () => {
  it('carries name and ISID, null-terminated and padded to four bytes', () => {
    const bytes = encodeTransportId(port);
    expect(bytes[0]).to.equal(0x45);
    expect(bytes.length % 4).to.equal(0);
    expect(bytes.readUInt16BE(2)).to.equal(bytes.length - 4);
    const text = bytes.toString('utf8', 4);
    expect(text).to.match(/^iqn\.1993-08\.org\.debian:01:web1,i,0x00023d000001\0+$/);
  });

  it('is decoded to what was encoded', () => {
    const bytes = encodeTransportId(port);
    const decoded = decodeTransportId(bytes, 0, bytes.length);
    expect(decoded).to.deep.equal({ ...port, lengthBytes: bytes.length });
  });

  it('has at least 20 bytes of name, however short the name is', () => {
    const bytes = encodeTransportId({ name: 'iqn.a', isid: '000000000001' });
    expect(bytes.length).to.equal(4 + 24);
    expect(encodeTransportId({ name: 'a', isid: '1' }).length).to.equal(24);
  });

  it('names a node where the format has no ISID', () => {
    const bytes = Buffer.alloc(4 + 32);
    bytes[0] = 0x05;
    bytes.writeUInt16BE(32, 2);
    bytes.write('iqn.1993-08.org.debian:01:web1', 4);
    const decoded = decodeTransportId(bytes, 0, bytes.length);
    expect(decoded?.name).to.equal(port.name);
    expect(decoded?.isid).to.equal(undefined);
  });

  it('normalizes names to lower case and ISIDs to twelve digits', () => {
    const bytes = Buffer.alloc(4 + 32);
    bytes[0] = 0x45;
    bytes.writeUInt16BE(32, 2);
    bytes.write('IQN.1993-08.org.Debian,i,0xABC', 4);
    const decoded = decodeTransportId(bytes, 0, bytes.length);
    expect(decoded).to.include({ name: 'iqn.1993-08.org.debian', isid: '000000000abc' });
  });

  const damage: [string, (bytes: Buffer) => void][] = [
    ['another protocol', (bytes) => (bytes[0] = 0x46)],
    ['a length beyond the list', (bytes) => bytes.writeUInt16BE(bytes.length, 2)],
    ['a length that is no multiple of four', (bytes) => bytes.writeUInt16BE(bytes.length - 6, 2)],
    ['no terminator', (bytes) => bytes.fill(0x61, bytes.indexOf(0, 4))],
    ['no iSCSI name', (bytes) => bytes.write('xxx', 4)],
    ['an ISID that is not hexadecimal', (bytes) => bytes.write('z', bytes.indexOf(',i,0x') + 5)],
    ['a reserved format', (bytes) => (bytes[0] = 0x85)],
  ];
  for (const [name, break_] of damage) {
    it(`is refused with ${name}`, () => {
      const bytes = encodeTransportId(port);
      break_(bytes);
      expect(decodeTransportId(bytes, 0, bytes.length)).to.equal(undefined);
    });
  }
});
