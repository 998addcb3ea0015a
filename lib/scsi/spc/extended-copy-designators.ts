/** Which logical unit does a designator name (VPD 83h, EXTENDED COPY)? */
import type { ItlNexus } from '../nexus.ts';
import type { CopyDevice } from './extended-copy-parameters.ts';

const CODE_SET_BINARY = 1;
const TYPE_NAA = 3;

/** The designator is one of the names by which the unit identifies itself. */
export function namesUnit(
  { designatorType, codeSet, designator }: CopyDevice,
  itl: ItlNexus,
): boolean {
  if (designatorType !== TYPE_NAA || codeSet !== CODE_SET_BINARY) return false;
  return designator.equals(itl.unit.identity.naa);
}
