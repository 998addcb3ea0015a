import { expect } from 'chai';
import {
  BHS_BYTES,
  FINAL_BIT,
  Opcode,
  pduRow,
  pduTable,
  readCommandAhs,
  writeCommandAhs,
} from '../../../lib/iscsi/index.ts';
import { decode, encode } from '../../../lib/wire/index.ts';
import { pduVectors, vectorBytes } from '../../vectors/pdus.ts';

describe('PDU layouts', () => {
  for (const vector of pduVectors) {
    it(`reads ${vector.name}`, () => {
      expect(decode(vector.layout, vectorBytes(vector))).to.deep.equal(vector.value);
    });
    it(`writes ${vector.name}`, () => {
      expect(encode(vector.layout, vector.value).toString('hex')).to.equal(
        vectorBytes(vector).toString('hex'),
      );
    });
  }

  it('have one vector for each PDU of the table', () => {
    const names = pduVectors.map(({ layout }) => layout);
    expect(pduTable.filter(({ layout }) => !names.includes(layout))).to.deep.equal([]);
    expect(pduTable).to.have.length(Object.keys(Opcode).length);
  });

  for (const row of pduTable) {
    it(`begin with the opcode of ${row.name} and have 48 bytes`, () => {
      const bytes = encode(row.layout, {});
      expect(bytes).to.have.length(BHS_BYTES);
      expect(bytes[0]! & 0x3f).to.equal(row.opcode);
      expect(pduRow(row.opcode)).to.equal(row);
    });
  }

  it('know no PDU for an opcode that none has', () => {
    expect(pduRow(0x1c)).to.equal(undefined);
  });

  it('set F where the standard has it always 1', () => {
    const optional = [
      'dataOut',
      'dataIn',
      'textRequest',
      'textResponse',
      'loginRequest',
      'loginResponse',
    ];
    const unset = pduTable.filter(({ layout }) => (encode(layout, {})[1]! & FINAL_BIT) === 0);
    expect(unset.map(({ opcode }) => opcode)).to.have.members(
      optional.map((name) => Opcode[name as keyof typeof Opcode]),
    );
  });
});

describe('additional header segments of a SCSI command', () => {
  const cdb = Buffer.from(Array.from({ length: 32 }, (_, index) => index + 1));

  it('carry the rest of a 32-byte CDB', () => {
    const ahs = writeCommandAhs(cdb);
    expect(ahs.toString('hex')).to.equal(`00110100${cdb.subarray(16).toString('hex')}`);
    expect(readCommandAhs(ahs)).to.deep.equal({
      cdbRest: cdb.subarray(16),
      expectedReadLengthBytes: undefined,
    });
  });

  it('carry the read length of a bidirectional command', () => {
    const ahs = writeCommandAhs(cdb.subarray(0, 16), 0x12345678);
    expect(ahs.toString('hex')).to.equal('0005020012345678');
    expect(readCommandAhs(ahs)).to.deep.equal({
      cdbRest: Buffer.alloc(0),
      expectedReadLengthBytes: 0x12345678,
    });
  });

  for (let cdbBytes = 17; cdbBytes <= 21; cdbBytes++) {
    it(`are padded and read back with both segments for a CDB of ${cdbBytes} bytes`, () => {
      const ahs = writeCommandAhs(cdb.subarray(0, cdbBytes), 9);
      expect(ahs.length % 4).to.equal(0);
      const read = readCommandAhs(ahs);
      expect(read).to.deep.equal({
        cdbRest: cdb.subarray(16, cdbBytes),
        expectedReadLengthBytes: 9,
      });
    });
  }

  const faults: readonly [string, string, string][] = [
    ['is cut short', '00110100', 'cutShort'],
    ['has less than a head', '0011', 'cutShort'],
    ['has no length', '00000100', 'badLength'],
    ['has a read length of 3 bytes', '00040200123456000000', 'badLength'],
    ['is of an unknown type', '0001030000000000', 'unknownType'],
    ['comes twice', '00020100aa000000' + '00020100bb000000', 'repeated'],
  ];
  for (const [name, hex, fault] of faults) {
    it(`are refused where one ${name}`, () => {
      expect(readCommandAhs(Buffer.from(hex, 'hex'))).to.equal(fault);
    });
  }

  it('are empty for a 16-byte CDB', () => {
    expect(writeCommandAhs(cdb.subarray(0, 16))).to.have.length(0);
    expect(readCommandAhs(Buffer.alloc(0))).to.deep.equal({
      cdbRest: Buffer.alloc(0),
      expectedReadLengthBytes: undefined,
    });
  });
});
