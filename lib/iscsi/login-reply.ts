/** Builds Login Responses from the request that they answer. @source RFC 7143 §11.13 */
import { encode } from '../wire/index.ts';
import { LoginStatus } from './login-status.ts';
import type { CommandWindow } from './login-types.ts';
import { loginResponse } from './pdu/index.ts';
import type { LoginRequest } from './pdu/index.ts';

export interface LoginReply {
  /** Reserved in a refusal. */
  readonly currentStage?: number;
  /** Sets T: both sides go on to this stage. */
  readonly nextStage?: number | undefined;
  readonly continued?: boolean;
  /** Only in the last response; the request's otherwise. */
  readonly tsih?: number | undefined;
  readonly dataBytes: number;
  readonly status?: LoginStatus;
  readonly statSn: number;
  readonly window: CommandWindow;
}

export function encodeLoginResponse(request: LoginRequest, reply: LoginReply): Buffer {
  return encode(loginResponse, {
    transit: reply.nextStage !== undefined,
    continued: reply.continued ?? false,
    currentStage: reply.currentStage ?? 0,
    nextStage: reply.nextStage ?? 0,
    dataSegmentLengthBytes: reply.dataBytes,
    isid: request.isid,
    tsih: reply.tsih ?? request.tsih,
    initiatorTaskTag: request.initiatorTaskTag,
    statSn: reply.statSn,
    expCmdSn: reply.window.expCmdSn,
    maxCmdSn: reply.window.maxCmdSn,
    status: reply.status ?? LoginStatus.success,
  });
}
