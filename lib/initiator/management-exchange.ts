/** Task management: abort a task, reset a logical unit. RFC 7143 §11.5, §11.6. */
import { Opcode, taskManagementResponse, TaskManagementResponseCode } from '../iscsi/index.ts';
import type { Exchange, ManagementResult } from './exchange.ts';

const RESPONSE_AT = taskManagementResponse.fields.response.at;

const responseNames = new Map<number, string>(
  Object.entries(TaskManagementResponseCode).map(([name, code]) => [code, name]),
);

export class ManagementExchange implements Exchange {
  readonly answer = Opcode.taskManagementResponse;
  readonly #onDone: (result: ManagementResult) => void;

  constructor(onDone: (result: ManagementResult) => void) {
    this.#onDone = onDone;
  }

  isLast(): boolean {
    return true;
  }

  answered(header: Buffer): void {
    const response = header[RESPONSE_AT]!;
    const detail = responseNames.get(response) ?? `unknown response ${response}`;
    this.#onDone({ response, detail });
  }

  lost(detail: string): void {
    this.#onDone({ response: null, detail });
  }
}

/**
 * Did the target say that nothing of the tasks meant is left? A task that it doesn't know is over,
 * too.
 */
export const isEndProved = (response: number | null): boolean =>
  response === TaskManagementResponseCode.functionComplete ||
  response === TaskManagementResponseCode.taskDoesNotExist;
