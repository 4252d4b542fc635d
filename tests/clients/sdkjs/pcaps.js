// What Cloudflare's SDK for JavaScript does at the PCAPs door, for test_pcaps_js.py.
//
//   node pcaps.js CASE BUCKET
//
// Where and who come from the environment: CLOUDFLARE_BASE_URL and CLOUDFLARE_API_TOKEN, as the SDK reads them, and the account
// in BALEEN_ACCOUNT. Says nothing when all is well.

const assert = require("node:assert/strict");
const dgram = require("node:dgram");
const s3 = require("@aws-sdk/client-s3");
const Cloudflare = require("cloudflare");

const [name, bucket] = process.argv.slice(2, 4);
const account_id = process.env.BALEEN_ACCOUNT;
const store = new s3.S3Client({ forcePathStyle: true });
const sdk = name && new Cloudflare();
const { pcaps } = sdk?.magicTransit ?? {};

// A capture over its limits still has to upload; a debug build on two cores takes a few seconds.
const OVER_MILLISECONDS = 60_000;

const refused = (work) => work.then(() => assert.fail("was not refused"), (fault) => fault);
const object = async (Key) => Buffer.from(await (await store.send(new s3.GetObjectCommand({ Bucket: bucket, Key }))).Body.transformToByteArray());
const all = async (pages) => {
  const found = [];
  for await (const one of pages) found.push(one);
  return found;
};

// Takes the bucket through its challenge; answers with the destination as it is shown.
async function prove(directory) {
  const pending = await pcaps.ownership.create({ account_id, destination_conf: `s3://${bucket}/${directory}` });
  const challenge = await object(`${directory}/${pending.filename}`);
  const proven = await pcaps.ownership.validate({ account_id, destination_conf: pending.destination_conf, ownership_challenge: `${challenge}` });
  assert.deepEqual([proven.id, proven.status], [pending.id, "success"]);
  return proven;
}

// Numbered datagrams over the loopback interface to a port of their own.
async function traffic() {
  const [receiver, sender] = [dgram.createSocket("udp4"), dgram.createSocket("udp4")];
  await new Promise((bound) => receiver.bind(0, "127.0.0.1", bound));
  const { port } = receiver.address();
  return {
    port,
    async send(count) {
      for (let n = 0; n < count; n++) await new Promise((sent) => sender.send(`${n}`.padStart(60), port, "127.0.0.1", sent));
    },
    close() {
      receiver.close();
      sender.close();
    },
  };
}

const start = (destination_conf, more) =>
  pcaps.create({ account_id, system: "magic-transit", type: "full", colo_name: "local", time_limit: 60, destination_conf, ...more });

async function until(capture, holds) {
  for (const deadline = Date.now() + OVER_MILLISECONDS; ; ) {
    const found = await pcaps.get(capture.id, { account_id });
    if (holds(found)) return found;
    assert.ok(Date.now() < deadline, JSON.stringify(found));
    await new Promise((later) => setTimeout(later, 50));
  }
}

const running = (capture) => until(capture, ({ status }) => status !== "pending");
const over = (capture) => until(capture, ({ status }) => ["success", "failed", "complete"].includes(status));

const cases = {
  async ownership() {
    const proven = await prove("case-17");
    assert.equal(proven.destination_conf, `s3://${bucket}/case-17`);
    assert.ok(proven.validated > proven.submitted, "when it was validated");
    const ours = async () => (await all(pcaps.ownership.get({ account_id }))).filter(({ id }) => id === proven.id);
    assert.deepEqual((await ours()).map(({ status }) => status), ["success"]);

    const other = await pcaps.ownership.create({ account_id, destination_conf: `s3://${bucket}/other` });
    const fault = await refused(pcaps.ownership.validate({ account_id, destination_conf: other.destination_conf, ownership_challenge: "wrong" }));
    assert.ok(fault instanceof Cloudflare.BadRequestError, fault);
    assert.equal(fault.errors[0].code, 1004);
    for (const { id } of [proven, other]) await pcaps.ownership.delete(id, { account_id });
    assert.deepEqual(await ours(), []);
    assert.ok((await refused(pcaps.ownership.delete(proven.id, { account_id }))) instanceof Cloudflare.NotFoundError);
  },

  async captures() {
    const { id, destination_conf } = await prove("caught");
    const { port, send, close } = await traffic();
    const filter_v1 = { protocol: 17, destination_address: "127.0.0.1", destination_port: port };
    const asked = await start(destination_conf, { packet_limit: 50, filter_v1 });
    assert.deepEqual([asked.type, asked.system, asked.colo_name, asked.filter_v1], ["full", "magic-transit", "local", filter_v1]);

    // Told at once, and not asked again: the SDK would wait before it did.
    const begun = Date.now();
    const second = await refused(start(destination_conf, { filter_v1 }));
    assert.ok(second instanceof Cloudflare.ConflictError, second);
    assert.deepEqual([second.errors[0].code, second.headers.get("x-should-retry")], [1005, "false"]);
    assert.ok(Date.now() - begun < 500, "the SDK repeated a refusal that does not change");

    await running(asked);
    await send(80);
    const done = await over(asked);
    assert.deepEqual([done.status, done.packets_captured, done.error_message], ["success", 50, undefined]);
    const file = await object(`caught/pcap_${done.id}.pcap`);
    assert.equal(file.readUInt32LE(0), 0xa1b2c3d4);
    // A header of 24 bytes, and of each packet 16 before its 102.
    assert.equal(file.length, 24 + 50 * (16 + 14 + 20 + 8 + 60));
    const listed = await all(pcaps.list({ account_id }));
    assert.equal(listed[0].id, done.id);
    const download = await refused(pcaps.download.get(done.id, { account_id }));
    assert.deepEqual([download.status, download.errors[0].code], [400, 1008]);
    close();
    await pcaps.ownership.delete(id, { account_id });
  },

  async stopping() {
    const { id, destination_conf } = await prove("stopped");
    const { port, send, close } = await traffic();
    const filter_v2 = `ip.proto == udp and udp.dstport in {${port}} && not ip.src == 10.0.0.1`;
    const asked = await start(destination_conf, { filter_v2 });
    assert.deepEqual([asked.filter_v1, asked.filter_v2], [{}, filter_v2]);
    await running(asked);
    await send(30);
    const seen = await until(asked, ({ packets_captured }) => packets_captured === 30);
    assert.deepEqual([seen.status, seen.stop_requested], ["running", undefined]);
    assert.equal(await pcaps.stop(asked.id, { account_id }).then((nothing) => nothing ?? undefined), undefined);
    const done = await over(asked);
    assert.deepEqual([done.status, done.packets_captured, done.filter_v2], ["success", 30, filter_v2]);
    assert.ok(done.stop_requested >= done.submitted);
    const again = await refused(pcaps.stop(asked.id, { account_id }));
    assert.deepEqual([again.status, again.errors[0].code], [409, 1007]);
    close();
    await pcaps.ownership.delete(id, { account_id });
  },

  async refusals() {
    const fault = await refused(start("s3://nobody-proved-this", { time_limit: 301, packet_limit: 1.5, filter_v2: "tcp.dstport = 80" }));
    assert.ok(fault instanceof Cloudflare.BadRequestError, fault);
    assert.deepEqual(fault.errors.map(({ code, source }) => [code, source.pointer]), [[1001, "/time_limit"], [1001, "/packet_limit"], [1001, "/filter_v2"]]);
    assert.match(fault.errors[2].message, /\(at byte 12\)$/);
    const unproven = await refused(start("s3://nobody-proved-this", {}));
    assert.equal(unproven.errors[0].code, 1003);
    const none = "0".repeat(32);
    assert.ok((await refused(pcaps.get(none, { account_id }))) instanceof Cloudflare.NotFoundError);
    assert.ok((await refused(pcaps.get(none, { account_id: none }))) instanceof Cloudflare.NotFoundError);
    const stranger = new Cloudflare({ apiToken: none, maxRetries: 0 });
    const unknown = await refused(stranger.magicTransit.pcaps.get(none, { account_id }));
    assert.ok(unknown instanceof Cloudflare.AuthenticationError, unknown);
  },
};

if (name === undefined) {
  console.log(Object.keys(cases).join("\n"));
} else {
  cases[name]().catch((fault) => {
    console.error(fault);
    process.exitCode = 1;
  });
}
