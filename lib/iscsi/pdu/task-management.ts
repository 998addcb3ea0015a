/** Task management, request and response. @source RFC 7143 §11.5, §11.6 */
import { bits, layout, u8, u32 } from '../../wire/index.ts';
import type { ValueOf } from '../../wire/index.ts';
import { BHS_BYTES, Opcode } from '../opcodes.ts';
import {
  commonFields,
  final,
  initiatorTaskTag,
  lun,
  requestNumbers,
  responseNumbers,
} from './header.ts';

export const taskManagementRequest = layout(BHS_BYTES, {
  ...commonFields(Opcode.taskManagementRequest, true),
  final: final(true),
  /** TaskManagementFunction. */
  function: bits(1, 0x7f),
  lun,
  initiatorTaskTag,
  /** ITT of the task meant; FFFFFFFFh where the function names none. */
  referencedTaskTag: u32(20, 0xffff_ffff),
  ...requestNumbers,
  /** CmdSN of the task meant. */
  refCmdSn: u32(32),
  /** For TASK REASSIGN. */
  expDataSn: u32(36),
});
export type TaskManagementRequest = ValueOf<typeof taskManagementRequest>;

export const taskManagementResponse = layout(BHS_BYTES, {
  ...commonFields(Opcode.taskManagementResponse),
  final: final(true),
  /** TaskManagementResponseCode. */
  response: u8(2),
  initiatorTaskTag,
  ...responseNumbers,
});
export type TaskManagementResponse = ValueOf<typeof taskManagementResponse>;
