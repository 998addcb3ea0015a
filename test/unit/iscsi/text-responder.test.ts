import { expect } from 'chai';
import {
  parseTextKeys,
  RejectReason,
  RESERVED_TAG,
  textRequest,
  TextResponder,
  textResponse,
} from '../../../lib/iscsi/index.ts';
import type { TextAction, TextPair, TextRequest, TextResponse } from '../../../lib/iscsi/index.ts';
import { decode, encode } from '../../../lib/wire/index.ts';

const numbers = { statSn: 5, expCmdSn: 6, maxCmdSn: 7 };
const targets: readonly TextPair[] = [
  { key: 'TargetName', value: 'iqn.2026-11.io.hawser:unit1' },
  { key: 'TargetAddress', value: '127.0.0.1:3260,1' },
  { key: 'TargetAddress', value: '[::1]:3260,1' },
];
const targetsText =
  'TargetName=iqn.2026-11.io.hawser:unit1\0TargetAddress=127.0.0.1:3260,1\0TargetAddress=[::1]:3260,1\0';

interface Setup {
  readonly text: TextResponder;
  readonly declared: number[];
}
function setup(discovery = true): Setup {
  const declared: number[] = [];
  const text = new TextResponder({
    sendTargets: () => (discovery ? targets : undefined),
    answerExtraKey: (key) => (key === 'X-io.hawser.Partitions' ? 'p'.repeat(3000) : undefined),
    segmentLengthDeclared: (bytes) => declared.push(bytes),
  });
  return { text, declared };
}

function ask(
  text: TextResponder,
  fields: Partial<TextRequest>,
  data = '',
  maxSendBytes = 8192,
): TextAction {
  const header = encode(textRequest, { final: true, initiatorTaskTag: 1, ...fields });
  const segment = Buffer.from(data);
  const action = text.receive(header, segment, numbers, maxSendBytes);
  segment.fill(0xee);
  return action;
}
function sent(action: TextAction): { response: TextResponse; data: string } {
  if (action.kind !== 'send') throw new Error(`rejected with ${action.reason}`);
  const response = decode(textResponse, action.header);
  expect(response.dataSegmentLengthBytes).to.equal(action.data.length);
  return { response, data: action.data.toString() };
}
const keysOf = (data: string): TextPair[] => {
  const parsed = parseTextKeys(Buffer.from(data));
  if (!parsed.ok) throw new Error(parsed.error);
  return parsed.value;
};

describe('TextResponder', () => {
  it('answers SendTargets in one response', () => {
    const { response, data } = sent(ask(setup().text, {}, 'SendTargets=All\0'));
    expect(response).to.include({
      ...numbers,
      final: true,
      continued: false,
      initiatorTaskTag: 1,
      targetTransferTag: RESERVED_TAG,
    });
    expect(data).to.equal(targetsText);
  });

  for (const pieceBytes of [1, 7, 64, 100]) {
    it(`answers SendTargets in pieces of ${pieceBytes} bytes, fetched by empty requests`, () => {
      const { text } = setup();
      let { response, data } = sent(ask(text, {}, 'SendTargets=All\0', pieceBytes));
      let whole = data;
      while (!response.final) {
        expect(response.continued).to.equal(true);
        expect(response.targetTransferTag).to.not.equal(RESERVED_TAG);
        expect(data).to.have.length(pieceBytes);
        ({ response, data } = sent(
          ask(text, { targetTransferTag: response.targetTransferTag }, '', pieceBytes),
        ));
        whole += data;
      }
      expect(response).to.include({ continued: false, targetTransferTag: RESERVED_TAG });
      expect(whole).to.equal(targetsText);
      expect(text.open).to.equal(false);
    });
    it(`takes a request in pieces of ${pieceBytes} bytes`, () => {
      const { text } = setup();
      const question = 'SendTargets=All\0X-com.example=1\0';
      let tag = RESERVED_TAG;
      for (let at = 0; at < question.length; at += pieceBytes) {
        const last = at + pieceBytes >= question.length;
        const fields = { final: last, continued: !last, targetTransferTag: tag };
        const { response, data } = sent(ask(text, fields, question.slice(at, at + pieceBytes)));
        expect(response.final).to.equal(last);
        if (last)
          expect(keysOf(data)).to.deep.equal([
            ...targets,
            { key: 'X-com.example', value: 'NotUnderstood' },
          ]);
        else expect(data).to.equal('');
        tag = response.targetTransferTag;
      }
    });
  }

  it('rejects SendTargets where the session does not allow it', () => {
    expect(sent(ask(setup(false).text, {}, 'SendTargets=All\0')).data).to.equal(
      'SendTargets=Reject\0',
    );
  });
  it('answers keys of ours', () => {
    expect(sent(ask(setup().text, {}, 'X-io.hawser.Partitions=?\0')).data).to.have.length(
      3000 + 24,
    );
  });
  it('takes another segment length from the peer and says nothing to it', () => {
    const { text, declared } = setup();
    expect(sent(ask(text, {}, 'MaxRecvDataSegmentLength=4096\0')).data).to.equal('');
    expect(declared).to.deep.equal([4096]);
  });
  it('rejects a segment length out of range', () => {
    const { text, declared } = setup();
    expect(sent(ask(text, {}, 'MaxRecvDataSegmentLength=1\0')).data).to.equal(
      'MaxRecvDataSegmentLength=Reject\0',
    );
    expect(declared).to.deep.equal([]);
  });
  it('rejects keys of the login', () => {
    expect(sent(ask(setup().text, {}, 'MaxBurstLength=512\0InitiatorName=x\0')).data).to.equal(
      'MaxBurstLength=Reject\0InitiatorName=Reject\0',
    );
  });
  it('keeps the exchange open where the peer does', () => {
    const { text } = setup();
    const { response } = sent(ask(text, { final: false }, 'X-com.a=1\0'));
    expect(response.final).to.equal(false);
    const next = sent(ask(text, { targetTransferTag: response.targetTransferTag }, 'X-com.b=1\0'));
    expect(next.response).to.include({ final: true, targetTransferTag: RESERVED_TAG });
  });
  it('echoes the LUN', () => {
    const lun = Buffer.from('0001000000000000', 'hex');
    expect(sent(ask(setup().text, { lun })).response.lun).to.deep.equal(lun);
  });
  it('forgets an exchange where another begins', () => {
    const { text } = setup();
    sent(ask(text, {}, 'SendTargets=All\0', 10));
    expect(sent(ask(text, { initiatorTaskTag: 2 }, 'X-com.a=1\0')).data).to.equal(
      'X-com.a=NotUnderstood\0',
    );
    sent(ask(text, { final: false, continued: true }, 'Send'));
    expect(sent(ask(text, {}, 'X-com.a=1\0')).data).to.equal('X-com.a=NotUnderstood\0');
  });

  const open = { final: false, continued: true };
  const faults: readonly [string, (text: TextResponder) => TextAction, RejectReason][] = [
    ['F and C together', (text) => ask(text, { continued: true }), RejectReason.protocolError],
    [
      'the reserved task tag',
      (text) => ask(text, { initiatorTaskTag: RESERVED_TAG }),
      RejectReason.invalidPduField,
    ],
    [
      'a tag that was never given',
      (text) => ask(text, { targetTransferTag: 1 }),
      RejectReason.invalidPduField,
    ],
    ['malformed text', (text) => ask(text, {}, 'SendTargets'), RejectReason.protocolError],
    ['a key twice', (text) => ask(text, {}, 'X-a=1\0X-a=1\0'), RejectReason.protocolError],
    ['too much text', (text) => ask(text, {}, 'x'.repeat(8193)), RejectReason.protocolError],
    [
      'another task tag in the middle',
      (text) => {
        const { response } = sent(ask(text, open, 'X'));
        return ask(text, { targetTransferTag: response.targetTransferTag, initiatorTaskTag: 2 });
      },
      RejectReason.invalidPduField,
    ],
    [
      'keys while an answer is being fetched',
      (text) => {
        const { response } = sent(ask(text, {}, 'SendTargets=All\0', 10));
        return ask(text, { targetTransferTag: response.targetTransferTag }, 'X-a=1\0');
      },
      RejectReason.protocolError,
    ],
    [
      'too much text in pieces',
      (text) => {
        const { response } = sent(ask(text, open, 'x'.repeat(5000)));
        return ask(
          text,
          { ...open, targetTransferTag: response.targetTransferTag },
          'x'.repeat(5000),
        );
      },
      RejectReason.protocolError,
    ],
  ];
  for (const [name, run, reason] of faults) {
    it(`rejects ${name} and is ready for the next exchange`, () => {
      const { text } = setup();
      expect(run(text)).to.deep.equal({ kind: 'reject', reason });
      expect(text.open).to.equal(false);
      expect(sent(ask(text, {}, 'SendTargets=All\0')).data).to.equal(targetsText);
    });
  }
});
