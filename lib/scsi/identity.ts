/**
 * The names of a logical unit, all derived from one UUID: the same on every portal and after every
 * restart.
 */
import { assert } from '../base/index.ts';

const UUID_PATTERN = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const NAA_LOCALLY_ASSIGNED = 0x30;

export class UnitIdentity {
  readonly uuid: string;
  /** Unit serial number (VPD 80): the UUID's 32 hexadecimal digits. */
  readonly serial: string;
  /**
   * NAA designator, 8 bytes: locally assigned (3h) with the UUID's last 60 bits, which a version 4
   * UUID draws at random.
   */
  readonly naa: Buffer;

  constructor(uuid: string) {
    assert(UUID_PATTERN.test(uuid), `not a UUID: ${uuid}`);
    this.uuid = uuid.toLowerCase();
    this.serial = this.uuid.replaceAll('-', '');
    this.naa = Buffer.from(this.serial.slice(16), 'hex');
    this.naa[0] = NAA_LOCALLY_ASSIGNED | (this.naa[0]! & 0x0f);
  }
}
