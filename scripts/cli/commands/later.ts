/**
 * Verbs that belong to parts of the product that this version doesn't have: they say so instead of
 * being unknown.
 */
import type { Command } from 'commander';
import { Failure } from '../../../lib/base/index.ts';

const HOST_SERVICE = 'it belongs to the host service';
const CONTROLLER = 'it belongs to the controller';

const laterVerbs: Readonly<Record<string, string>> = {
  initiator: HOST_SERVICE,
  disk: HOST_SERVICE,
  attach: HOST_SERVICE,
  detach: HOST_SERVICE,
  controller: CONTROLLER,
  volume: CONTROLLER,
  unit: CONTROLLER,
  map: CONTROLLER,
};

export function addLaterVerbs(program: Command, version: string): void {
  for (const [verb, whose] of Object.entries(laterVerbs)) {
    program
      .command(`${verb} [arguments...]`, { hidden: true })
      .allowUnknownOption()
      .helpOption(false)
      .action(() => {
        const why = `not in this version (${version}); ${whose}, which comes later`;
        throw new Failure('usage', `hawser ${verb}: ${why}`);
      });
  }
}
