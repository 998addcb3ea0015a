/** hawser task …: changes that went on after their caller stopped waiting */
import type { Command } from 'commander';
import type { TaskEntry } from '../../../lib/admin/index.ts';
import { CONTROLLER_ADMIN } from '../api-client.ts';
import { part } from '../arguments.ts';
import { durationOption } from '../context.ts';
import type { CommandContext, Terminal } from '../context.ts';
import { act } from '../register.ts';
import { taskView } from '../views.ts';

export function addTaskCommands(program: Command, terminal: Terminal): void {
  const task = program.command('task').description('changes that go on by themselves');
  const list = task.command('list').alias('ls').description('those that run, and how others ended');
  const listAll = (context: CommandContext): Promise<void> =>
    context.show(async () =>
      context.rows(await context.client.get<TaskEntry[]>('/tasks'), taskView),
    );
  act(list, terminal, listAll, CONTROLLER_ADMIN);
  const watch = task
    .command('watch <id>')
    .description('wait for its end; exits as the change would have')
    .option('--timeout <duration>', 'wait no longer than this, like 30s');
  act(watch, terminal, watchTask, CONTROLLER_ADMIN);
  const cancel = task.command('cancel <id>').description('end it, where it can be ended');
  act(cancel, terminal, cancelTask, CONTROLLER_ADMIN);
}

async function watchTask(
  context: CommandContext,
  options: { readonly timeout?: string },
  id?: string,
): Promise<void> {
  const { client } = context;
  const timeoutMs = durationOption('--timeout', options.timeout);
  const first = await client.get<TaskEntry>(`/tasks/${part(id!)}`);
  const ended = await client.watchTask(first, timeoutMs);
  context.rows([ended], taskView);
}

async function cancelTask(context: CommandContext, _options: object, id?: string): Promise<void> {
  await context.client.change<TaskEntry>('DELETE', `/tasks/${part(id!)}`);
  context.say(`task ${id!} is gone`);
}
