import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listenOnTcp } from '../../../lib/admin/index.ts';
import type { ApiListener } from '../../../lib/admin/index.ts';
import { failureOf } from './live-server.ts';

/** A certificate for localhost, made for this test. */
function fixture(name: string): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!directory.endsWith('dist')) directory = dirname(directory);
  return join(directory, '..', 'test', 'fixtures', 'tls', name);
}
const certFile = fixture('cert.pem');
const keyFile = fixture('key.pem');

describe('the API with a certificate', () => {
  let listener: ApiListener;

  beforeEach(async () => {
    const where = { host: '127.0.0.1', port: 0, tls: { certFile, keyFile } };
    listener = await listenOnTcp(where, (_request, response) => response.end('hello'));
  });

  afterEach(() => listener.close());

  const ask = (ca?: Buffer): Promise<string> =>
    new Promise((resolve, reject) => {
      const asking = request(`https://${listener.address}/`, { ca }, (response) => {
        response.on('data', (chunk: Buffer) => resolve(chunk.toString()));
      });
      asking.on('error', reject);
      asking.end();
    });

  it('answers whoever trusts it', async () => {
    expect(await ask(readFileSync(certFile))).to.equal('hello');
  });

  it('is not trusted by others', async () => {
    const refused: unknown = await ask().catch((error: unknown) => error);
    expect(refused).to.be.instanceOf(Error);
  });

  it('does not answer without TLS', async () => {
    const answer: unknown = await fetch(`http://${listener.address}/`).catch(
      (error: unknown) => error,
    );
    expect(answer).to.be.instanceOf(Error);
  });

  it('is refused where its files are not there', async () => {
    const tls = { certFile: `${certFile}.no`, keyFile };
    const { kind, message } = await failureOf(
      listenOnTcp({ host: '127.0.0.1', port: 0, tls }, () => undefined),
    );
    expect(kind).to.equal('usage');
    expect(message).to.contain('cert.pem.no');
  });

  it('is refused where a file is no key', async () => {
    const tls = { certFile, keyFile: certFile };
    const { kind } = await failureOf(
      listenOnTcp({ host: '127.0.0.1', port: 0, tls }, () => undefined),
    );
    expect(kind).to.equal('usage');
  });
});
