/**
 * Text requests in full feature phase: SendTargets, the host's partitions, MaxRecvDataSegmentLength
 * (RFC 7143 §11.10).
 */
import {
  PARTITIONS_KEY,
  formatPartitions,
  parsePortalAddress,
  partitionsQuestion,
  sendTargetsAnswer,
} from '../discovery/index.ts';
import { TextResponder } from '../iscsi/index.ts';
import type { TextPair } from '../iscsi/index.ts';
import { sendEncoded } from './control-pdu.ts';
import { INCARNATION_KEY, PORTAL_GROUP_TAG } from './node-options.ts';
import type { TargetConnection } from './target-connection.ts';

export class TextPath {
  readonly #connection: TargetConnection;
  readonly #responder: TextResponder;

  constructor(connection: TargetConnection) {
    this.#connection = connection;
    this.#responder = new TextResponder({
      sendTargets: (value) => this.#sendTargets(value),
      answerExtraKey: (key, value) => this.#extraKey(key, value),
      segmentLengthDeclared: (bytes) => connection.segmentLengthDeclared(bytes),
    });
  }

  onRequest(header: Buffer, data: Buffer): void {
    const connection = this.#connection;
    const { statSn, session, peerSegmentBytesMax } = connection;
    const numbers = { statSn, expCmdSn: session!.expCmdSn, maxCmdSn: session!.advanceWindow() };
    const action = this.#responder.receive(header, data, numbers, peerSegmentBytesMax);
    if (action.kind === 'reject') {
      connection.refuse(action.reason, header);
      return;
    }
    connection.takeStatSn();
    sendEncoded(connection, action.header, action.data);
  }

  /** Only this target, and only to a host of it: whoever got as far as this session is one. */
  #sendTargets(value: string): readonly TextPair[] | undefined {
    const { node, session, port } = this.#connection;
    const portals = node.portals.map(({ address, advertise }) => ({
      listen: parsePortalAddress(address),
      ...(advertise === undefined ? {} : { advertise: parsePortalAddress(advertise) }),
      portalGroupTag: PORTAL_GROUP_TAG,
    }));
    const query = {
      value,
      sessionType: session!.identity.type,
      sessionTarget: node.name,
      arrivedAt: parsePortalAddress(port.localAddress),
    };
    const answer = sendTargetsAnswer(query, [{ name: node.name, portals }]);
    return answer?.map(([key, text]) => ({ key, value: text }));
  }

  #extraKey(key: string, value: string): string | undefined {
    const { node } = this.#connection;
    if (key === INCARNATION_KEY) return String(node.options.incarnation);
    if (key !== PARTITIONS_KEY) return undefined;
    const fromLun = partitionsQuestion(value);
    return fromLun === undefined ? 'Reject' : this.#partitions(fromLun);
  }

  #partitions(fromLun: number): string {
    const { node, session } = this.#connection;
    const view = node.options.directory.find(session!.identity.initiatorName);
    const listed = [...(view?.luns.values() ?? [])].map(({ lun, unit, readOnly, partition }) => ({
      name: partition,
      lun,
      sizeBytes: unit.capacityBlocks * unit.blockSizeBytes,
      blockSizeBytes: unit.blockSizeBytes,
      rights: readOnly ? ('ro' as const) : ('rw' as const),
    }));
    return formatPartitions(listed, fromLun);
  }
}
