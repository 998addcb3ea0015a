import { expect } from 'chai';
import { SeededRandom } from '../../../lib/base/index.ts';
import { SendQueue } from '../../../lib/initiator/index.ts';
import { PduWriter } from '../../../lib/initiator/pdu-writer.ts';
import type { SendBatch } from '../../../lib/initiator/index.ts';
import { crc32c } from '../../../lib/wire/index.ts';

const put = (queue: SendQueue, bytes: Buffer): void => {
  const at = queue.reserve(bytes.length);
  bytes.copy(queue.bytes, at);
};

describe('send queue', () => {
  it('has nothing to send at first', () => {
    expect(new SendQueue().take()).to.equal(undefined);
  });

  it('gives short pieces of one turn as one', () => {
    const queue = new SendQueue();
    put(queue, Buffer.from('head'));
    expect(queue.append(Buffer.from('..data..'), 2, 4)).to.equal(false);
    const batch = queue.take()!;
    expect(batch.pieces.map(String)).to.deep.equal(['headdata']);
    expect(batch.bytes).to.equal(8);
  });

  it('borrows long data instead of copying it', () => {
    const queue = new SendQueue();
    const data = Buffer.alloc(64 * 1024, 1);
    put(queue, Buffer.from('head'));
    expect(queue.append(data, 0, data.length)).to.equal(true);
    put(queue, Buffer.from('tail'));
    const { pieces } = queue.take()!;
    expect(pieces).to.have.length(3);
    expect(pieces[1]!.buffer).to.equal(data.buffer);
  });

  it('keeps what is on its way as it was, over many turns (seed 3)', () => {
    const random = new SeededRandom(3);
    const queue = new SendQueue();
    const expected: Buffer[] = [];
    const received: Buffer[] = [];
    const onTheWay: SendBatch[] = [];
    const arrive = (): void => {
      const batch = onTheWay.shift()!;
      received.push(...batch.pieces.map((piece) => Buffer.from(piece)));
      queue.done(batch);
    };
    for (let turn = 0; turn < 2_000; turn++) {
      for (let piece = random.below(20); piece > 0; piece--) {
        const bytes = Buffer.alloc(1 + random.below(3_000), turn);
        put(queue, bytes);
        expected.push(bytes);
      }
      const batch = queue.take();
      if (batch !== undefined) onTheWay.push(batch);
      while (onTheWay.length > 25) arrive();
    }
    while (onTheWay.length > 0) arrive();
    expect(Buffer.concat(received).equals(Buffer.concat(expected))).to.equal(true);
  });

  it('pads with zeros, whatever its memory held before', () => {
    const queue = new SendQueue();
    const writer = new PduWriter(queue, crc32c);
    put(queue, Buffer.alloc(4096, 0xee));
    queue.done(queue.take()!);
    writer.data(Buffer.from('odd'), 0, 3);
    expect(queue.take()!.pieces.map((piece) => piece.toString('latin1'))).to.deep.equal(['odd\0']);
  });
});
