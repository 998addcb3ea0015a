/**
 * Who may log in and what they see. The service keeps the truth; the target node asks for it at
 * login and on change.
 */
import type { ChapCredentials } from '../auth/index.ts';
import type { LogicalUnit } from '../scsi/index.ts';

export interface LunAssignment {
  readonly lun: number;
  readonly unit: LogicalUnit;
  readonly readOnly: boolean;
  /** Name of the partition. */
  readonly partition: string;
}

export interface HostView {
  readonly host: string;
  /** What the host must prove; null: it is let in by its name alone (shown as open). */
  readonly chap: ChapCredentials | null;
  /** What we prove to the host when it asks. */
  readonly mutual: ChapCredentials | null;
  readonly luns: ReadonlyMap<number, LunAssignment>;
}

export interface AccessDirectory {
  /**
   * @param initiatorName normalized. @returns undefined: this initiator has no business here (login
   * status 0202).
   */
  find(initiatorName: string): HostView | undefined;
}
