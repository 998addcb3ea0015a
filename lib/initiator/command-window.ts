/**
 * Command numbering of a session. All comparisons are 32-bit serial arithmetic; MaxCmdSN and
 * ExpCmdSN never go back. Source: RFC 7143, command numbering and acknowledging.
 */
export class CommandWindow {
  /** Number of the next non-immediate command. */
  cmdSn: number;
  expCmdSn: number;
  maxCmdSn: number;

  /** Nothing but the login's own number is allowed until the target has told its window. */
  constructor(cmdSn: number) {
    this.cmdSn = cmdSn >>> 0;
    this.expCmdSn = this.cmdSn;
    this.maxCmdSn = (this.cmdSn - 1) >>> 0;
  }

  /** @returns false where the pair contradicts itself and both numbers were ignored. */
  update(expCmdSn: number, maxCmdSn: number): boolean {
    if (((maxCmdSn - ((expCmdSn - 1) | 0)) | 0) < 0) return false;
    if (((maxCmdSn - this.maxCmdSn) | 0) > 0) this.maxCmdSn = maxCmdSn;
    if (((expCmdSn - this.expCmdSn) | 0) > 0) this.expCmdSn = expCmdSn;
    return true;
  }

  get open(): boolean {
    return ((this.maxCmdSn - this.cmdSn) | 0) >= 0;
  }

  take(): number {
    const cmdSn = this.cmdSn;
    this.cmdSn = (cmdSn + 1) >>> 0;
    return cmdSn;
  }
}
