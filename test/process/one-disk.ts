/** A storage server with one partition for one host, and how that host logs in. */
import { expect } from 'chai';
import type { Ran } from './service.ts';

export const IQN = 'iqn.2026-11.io.hawser:process';
export const WEB1 = 'iqn.1993-08.org.debian:01:web1';
export const WEB2 = 'iqn.1993-08.org.debian:01:web2';
export const SECRET = 'sixteen-bytes-ok';

export const head = `iqn: ${IQN}
state: ./state
listen: ["127.0.0.1:0"]
admin: { listen: "127.0.0.1:0" }
array:
  layout: stripe
  disks:
    - { path: ./disk0.img, size: 64MiB, sparse: true }
    - { path: ./disk1.img, size: 64MiB, sparse: true }
`;
export const hosts = `hosts:
  web1: { iqn: "${WEB1}", chap: { user: web1, secret: "${SECRET}" } }
  web2: { iqn: "${WEB2}" }
`;
export const oneDisk = `${head}${hosts}partitions:
  data1: { size: 16MiB, lun: 0, hosts: { web1: rw } }
`;

export const json = <T>({ code, stdout, stderr }: Ran): T => {
  expect(code, stderr).to.equal(0);
  return JSON.parse(stdout) as T;
};

export const asWeb1 = { initiatorName: WEB1, chap: { user: 'web1', secret: SECRET } };
