import { expect } from 'chai';
import { AssertionError } from '../../lib/base/index.ts';
import { TargetWorld } from '../fakes/target-harness.ts';
import { OTHER, Peer, expectAtRest, identity } from './support/peer.ts';

interface Told {
  readonly initiatorName: string;
  readonly error: unknown;
}

/** A world whose owner listens to mistakes of ours. */
function listening(): { world: TargetWorld; told: Told[] } {
  const told: Told[] = [];
  const internalError = (details: Told): void => void told.push(details);
  return { world: new TargetWorld({ node: { events: { internalError } } }), told };
}

/** Plants a mistake: the next command leads to `error`. */
function plant(world: TargetWorld, error: Error): void {
  const { scsi } = world.node;
  const prepare = scsi.prepare.bind(scsi);
  scsi.prepare = () => {
    scsi.prepare = prepare;
    throw error;
  };
}

describe('A mistake of ours that the bytes of a peer lead to', () => {
  it('ends its connection and session, is told, and touches nobody else', async () => {
    const { world, told } = listening();
    const peer = await new Peer(world).connect();
    const other = await new Peer(world).connect({ name: OTHER });
    peer.write(8);
    plant(world, new TypeError('planted'));
    peer.testUnitReady();
    await peer.received();
    expect(told.map(({ error }) => String(error))).to.deep.equal(['TypeError: planted']);
    expect([peer.closed, other.closed]).to.deep.equal([true, false]);
    expect(world.node.counters.internalErrors).to.equal(1);
    other.read(8);
    expect(await other.received()).to.have.length(1);
    expectAtRest(world);
    const again = await new Peer(world).connect();
    expect(again.closed).to.equal(false);
  });

  it('ends the process where an invariant is broken that others rely on', async () => {
    const { world, told } = listening();
    const peer = await new Peer(world).connect();
    plant(world, new AssertionError('planted'));
    expect(() => peer.testUnitReady()).to.throw(AssertionError, 'planted');
    expect(told).to.deep.equal([]);
  });

  it('before login ends the connection alone, whatever it is', () => {
    const { world, told } = listening();
    const peer = new Peer(world);
    peer.begin();
    Object.defineProperty(world.node, 'serving', {
      get: () => {
        throw new AssertionError('planted');
      },
    });
    peer.sendStep({ csg: 1, nsg: 3, keys: identity() });
    expect(peer.closed).to.equal(true);
    expect(told).to.have.length(1);
  });

  it('is thrown where nobody listens', async () => {
    const world = new TargetWorld();
    const peer = await new Peer(world).connect();
    plant(world, new TypeError('planted'));
    expect(() => peer.testUnitReady()).to.throw(TypeError, 'planted');
  });
});
