/** Keeps what sessions see in step with the directory. */
import { senseTable } from '../scsi/index.ts';
import type { ItNexus } from '../scsi/index.ts';
import type { HostView, LunAssignment } from './access.ts';
import type { TargetNode } from './target-node.ts';
import type { TargetSession } from './target-session.ts';

/** Unit attentions that are worth telling at once instead of with the next command. */
const toldAtOnce = ['capacityChanged', 'reportedLunsChanged'] as const;

export class LunMaps {
  readonly #node: TargetNode;

  constructor(node: TargetNode) {
    this.#node = node;
  }

  /** Fills the map of a session that has just logged in. */
  open(session: TargetSession): void {
    const view = this.#node.options.directory.find(session.identity.initiatorName);
    if (view === undefined || session.nexus === null) return;
    for (const assignment of view.luns.values()) this.#map(session, assignment);
    session.nexus.onUnitAttention = (lun, asc, ascq) => this.#tell(session, lun, asc, ascq);
  }

  async refreshAll(): Promise<void> {
    await Promise.all([...this.#node.sessionTable].map((session) => this.#refresh(session)));
  }

  async #refresh(session: TargetSession): Promise<void> {
    while (!session.ending) {
      // read anew after each wait: access may have been taken away in the meantime
      const view = this.#node.options.directory.find(session.identity.initiatorName);
      if (view === undefined || this.#mustProveItself(session, view.chap !== null)) {
        await this.#node.endSession(session, 'access revoked');
        return;
      }
      session.host = view.host;
      const gone = session.nexus === null ? [] : this.#takeAway(session.nexus, view);
      if (gone.length > 0) await Promise.all(gone);
      else {
        this.#give(session, view);
        return;
      }
    }
  }

  /** @returns the ends of what the session sees and should not, or not so. */
  #takeAway(nexus: ItNexus, view: HostView): Promise<void>[] {
    const gone: Promise<void>[] = [];
    for (const [lun, itl] of [...nexus.units]) {
      const wanted = view.luns.get(lun);
      if (wanted?.unit === itl.unit && wanted.readOnly === itl.readOnly) continue;
      const dropRegistrations = wanted?.unit !== itl.unit;
      gone.push(nexus.unmap(lun, { dropRegistrations }));
    }
    return gone;
  }

  #give(session: TargetSession, view: HostView): void {
    for (const assignment of view.luns.values()) {
      if (session.nexus?.units.has(assignment.lun) === false) this.#map(session, assignment);
    }
  }

  /**
   * A session that logged in without a proof ends once the host has a secret: a name that has chap
   * never goes without.
   */
  #mustProveItself(session: TargetSession, chap: boolean): boolean {
    return chap && session.identity.authenticatedAs === null;
  }

  #map(session: TargetSession, assignment: LunAssignment): void {
    const { lun, unit, readOnly } = assignment;
    session.nexus!.map(lun, unit, { readOnly });
    session.seenUnits.set(lun, unit.identity.uuid);
  }

  #tell(session: TargetSession, lun: number, asc: number, ascq: number): void {
    if (session.ending) return;
    const reason = toldAtOnce.find(
      (name) => senseTable[name].asc === asc && senseTable[name].ascq === ascq,
    );
    const [connection] = session.connections.values();
    if (reason !== undefined) connection?.scsiEvent(lun, reason);
  }
}
