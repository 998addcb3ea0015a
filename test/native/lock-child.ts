/**
 * Run in a process of its own by locks.test.ts: opens a disk, says so, and holds it until it is
 * told to end.
 */
import { FileDevice } from '../../lib/block/index.ts';

const [path = ''] = process.argv.slice(2);
await FileDevice.open({ path });
process.stdout.write('open\n');
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
