import { expect } from 'chai';
import { PduFramer } from '../../../lib/iscsi/index.ts';
import type { PduSink } from '../../../lib/iscsi/index.ts';
import { crc32c } from '../../../lib/wire/index.ts';

interface Seen {
  header: string;
  ahsBytes: number;
  data: string;
  digestOk: boolean;
}

/** Writes down every PDU, its data through a place of its own. */
class Recorder implements PduSink {
  readonly framer = new PduFramer(this, crc32c);
  readonly seen: Seen[] = [];
  headerErrors = 0;
  #header = '';
  #ahsBytes = 0;
  #data = Buffer.alloc(0);

  onHeader(header: Buffer, at: number, ahsBytes: number, dataBytes: number): void {
    this.#header = header.toString('hex', at, at + 48 + ahsBytes);
    this.#ahsBytes = ahsBytes;
    this.#data = Buffer.alloc(dataBytes);
    this.framer.data = this.#data;
  }

  onPduEnd(digestOk: boolean): void {
    const data = this.#data.toString('hex');
    this.seen.push({ header: this.#header, ahsBytes: this.#ahsBytes, data, digestOk });
  }

  onHeaderDigestError(): void {
    this.headerErrors++;
  }
}

function pdu(options: { data?: Buffer; ahs?: Buffer; digests: boolean }): Buffer {
  const data = options.data ?? Buffer.alloc(0);
  const ahs = options.ahs ?? Buffer.alloc(0);
  const header = Buffer.alloc(48, 0x11);
  header[4] = ahs.length / 4;
  header.writeUIntBE(data.length, 5, 3);
  const head = Buffer.concat([header, ahs]);
  const body = Buffer.concat([data, Buffer.alloc(-data.length & 3)]);
  const digest = (bytes: Buffer): Buffer => {
    const result = Buffer.alloc(4);
    result.writeUInt32LE(crc32c(bytes, 0, bytes.length));
    return result;
  };
  if (!options.digests) return Buffer.concat([head, body]);
  const tail = data.length === 0 ? [] : [body, digest(body)];
  return Buffer.concat([head, digest(head), ...tail]);
}

for (const digests of [false, true]) {
  const stream = Buffer.concat([
    pdu({ digests }),
    pdu({ digests, data: Buffer.from('0102030405', 'hex') }),
    pdu({ digests, ahs: Buffer.alloc(8, 7), data: Buffer.alloc(64, 9) }),
    pdu({ digests, ahs: Buffer.alloc(4, 5) }),
  ]);
  const whole = new Recorder();
  whole.framer.headerDigest = whole.framer.dataDigest = digests;
  whole.framer.receive(stream, 0, stream.length);

  describe(`PduFramer, digests ${digests ? 'on' : 'off'}`, () => {
    it('finds every PDU of a chunk, with its AHS and data', () => {
      expect(whole.seen.map(({ ahsBytes, data }) => [ahsBytes, data.length / 2])).to.deep.equal([
        [0, 0],
        [0, 5],
        [8, 64],
        [4, 0],
      ]);
      expect(whole.seen.every(({ digestOk }) => digestOk)).to.equal(true);
    });

    for (let chunkBytes = 1; chunkBytes <= stream.length; chunkBytes++) {
      it(`finds the same in chunks of ${chunkBytes} bytes`, () => {
        const recorder = new Recorder();
        recorder.framer.headerDigest = recorder.framer.dataDigest = digests;
        for (let at = 0; at < stream.length; at += chunkBytes) {
          const end = Math.min(at + chunkBytes, stream.length);
          // a chunk that is overwritten afterwards: nothing may point into it
          const chunk = Buffer.from(stream.subarray(at, end));
          recorder.framer.receive(chunk, 0, chunk.length);
          chunk.fill(0xee);
        }
        expect(recorder.seen).to.deep.equal(whole.seen);
      });
    }
  });
}

describe('PduFramer and damage', () => {
  const damaged = (at: number): Recorder => {
    const stream = pdu({ digests: true, data: Buffer.alloc(10, 3) });
    stream[at]! ^= 1;
    const recorder = new Recorder();
    recorder.framer.headerDigest = recorder.framer.dataDigest = true;
    recorder.framer.receive(stream, 0, stream.length);
    return recorder;
  };

  it('a changed data byte fails the data digest', () => {
    expect(damaged(55).seen[0]!.digestOk).to.equal(false);
  });

  it('a changed pad byte fails the data digest', () => {
    expect(damaged(63).seen[0]!.digestOk).to.equal(false);
  });

  it('a changed header byte stops the stream before the sink sees a header', () => {
    const recorder = damaged(20);
    expect(recorder.headerErrors).to.equal(1);
    expect(recorder.framer.stopped).to.equal(true);
    expect(recorder.seen).to.deep.equal([]);
  });
});
