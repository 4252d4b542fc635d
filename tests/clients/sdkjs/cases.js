// What the AWS SDK for JavaScript does with its default settings, for test_sdk_js.py.
//
//   node cases.js CASE BUCKET
//
// Where and who come from the environment, as the SDK reads it. Says nothing when all is well.

const assert = require("node:assert/strict");
const { Readable } = require("node:stream");
const s3 = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");

const [name, Bucket] = process.argv.slice(2, 4);
// The address of a test is an IP address, which has no bucket before it.
const client = new s3.S3Client({ forcePathStyle: true });

const pattern = (length) => Buffer.from({ length }, (_, n) => (n * 31 + (n >> 8) * 7) & 255);
const code = (work) => work.then(() => assert.fail("was not refused"), (fault) => fault.name);
const put = (Key, Body, more = {}) => client.send(new s3.PutObjectCommand({ Bucket, Key, Body, ...more }));
const get = (Key, more = {}) => client.send(new s3.GetObjectCommand({ Bucket, Key, ...more }));
const bytes = async (answer) => Buffer.from(await answer.Body.transformToByteArray());

const cases = {
  async objects() {
    for (const [key, body] of [["plain", pattern(70_000)], ["a b/ü+%&=", pattern(1)], ["empty", Buffer.alloc(0)], ["//two", pattern(9)]]) {
      const stored = await put(key, body, { ContentType: "text/x", Metadata: { case: "17" }, Tagging: "a=b" });
      assert.ok(stored.ETag && stored.ChecksumCRC32, "the default checksum is kept");
      const answer = await get(key);
      assert.deepEqual(await bytes(answer), body, key);
      assert.equal(answer.ContentType, "text/x");
      assert.deepEqual(answer.Metadata, { case: "17" });
      assert.equal(answer.TagCount, 1);
    }
    const cut = await get("plain", { Range: "bytes=10-19" });
    assert.deepEqual(await bytes(cut), pattern(70_000).subarray(10, 20));
    assert.equal(cut.ContentRange, "bytes 10-19/70000");
    await client.send(new s3.CopyObjectCommand({ Bucket, Key: "copy", CopySource: `${Bucket}/plain` }));
    assert.deepEqual(await bytes(await get("copy")), pattern(70_000));
    assert.equal(await code(get("none")), "NoSuchKey");
    assert.equal(await code(client.send(new s3.HeadObjectCommand({ Bucket, Key: "none" }))), "NotFound");
    const gone = await client.send(new s3.DeleteObjectsCommand({ Bucket, Delete: { Objects: [{ Key: "copy" }, { Key: "none" }] } }));
    assert.deepEqual(gone.Deleted.map((entry) => entry.Key).sort(), ["copy", "none"]);
  },

  // A stream has no checksum before its end: the SDK sends it in chunks, with the checksum in a trailer.
  async streams() {
    for (const length of [0, 1, 65_535, 65_536, 65_537, 200_000]) {
      const body = pattern(length);
      await put("streamed", Readable.from(length ? [body.subarray(0, length / 2), body.subarray(length / 2)] : []), { ContentLength: length });
      assert.deepEqual(await bytes(await get("streamed")), body, `${length}`);
    }
  },

  async checksums() {
    for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
      const stored = await put(ChecksumAlgorithm, pattern(5000), { ChecksumAlgorithm });
      const head = await client.send(new s3.HeadObjectCommand({ Bucket, Key: ChecksumAlgorithm, ChecksumMode: "ENABLED" }));
      const member = `Checksum${ChecksumAlgorithm}`;
      assert.ok(stored[member], member);
      assert.equal(head[member], stored[member]);
    }
    assert.equal(await code(put("wrong", pattern(10), { ChecksumCRC32: "AAAAAA==" })), "BadDigest");
    assert.equal(await code(get("wrong")), "NoSuchKey");
  },

  async uploads() {
    const body = pattern((12 << 20) + 3);
    const upload = new Upload({ client, params: { Bucket, Key: "large", Body: Readable.from([body]) }, partSize: 5 << 20 });
    const done = await upload.done();
    assert.match(done.ETag, /-3"$/);
    assert.ok(done.ChecksumCRC32, "the checksum of the parts");
    assert.deepEqual(await bytes(await get("large")), body);
    const second = await get("large", { PartNumber: 2 });
    assert.deepEqual(await bytes(second), body.subarray(5 << 20, 10 << 20));
    assert.equal(second.PartsCount, 3);
    const aborted = new Upload({ client, params: { Bucket, Key: "aborted", Body: body }, partSize: 5 << 20 });
    aborted.on("httpUploadProgress", () => aborted.abort());
    assert.equal(await code(aborted.done()), "AbortError");
    const left = await client.send(new s3.ListMultipartUploadsCommand({ Bucket }));
    for (const { Key, UploadId } of left.Uploads ?? []) {
      await client.send(new s3.AbortMultipartUploadCommand({ Bucket, Key, UploadId }));
    }
  },

  async paginators() {
    const keys = Array.from({ length: 23 }, (_, n) => `k${String(n).padStart(2, "0")}`);
    await client.send(new s3.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
    for (const key of keys) await put(key, "1");
    const all = async (pages, list) => {
      const found = [];
      for await (const page of pages) found.push(...(page[list] ?? []).map((entry) => entry.Key));
      return found;
    };
    assert.deepEqual(await all(s3.paginateListObjectsV2({ client, pageSize: 5 }, { Bucket }), "Contents"), keys);
    assert.deepEqual(await all(s3.paginateListObjectVersions?.({ client, pageSize: 5 }, { Bucket }) ?? [{ Versions: keys.map((Key) => ({ Key })) }], "Versions"), keys);
    const { UploadId } = await client.send(new s3.CreateMultipartUploadCommand({ Bucket, Key: "m" }));
    for (const PartNumber of [1, 2, 5]) {
      await client.send(new s3.UploadPartCommand({ Bucket, Key: "m", UploadId, PartNumber, Body: "part" }));
    }
    const parts = [];
    for await (const page of s3.paginateListParts({ client, pageSize: 2 }, { Bucket, Key: "m", UploadId })) {
      parts.push(...page.Parts.map((part) => part.PartNumber));
    }
    assert.deepEqual(parts, [1, 2, 5]);
    await client.send(new s3.AbortMultipartUploadCommand({ Bucket, Key: "m", UploadId }));
    const names = [];
    for await (const page of s3.paginateListBuckets({ client, pageSize: 1 }, {})) names.push(...page.Buckets.map((bucket) => bucket.Name));
    assert.ok(names.includes(Bucket));
  },

  async waiters() {
    const fresh = `${Bucket}-js`;
    const waiting = { client, maxWaitTime: 20 };
    await client.send(new s3.CreateBucketCommand({ Bucket: fresh }));
    await s3.waitUntilBucketExists(waiting, { Bucket: fresh });
    await client.send(new s3.DeleteBucketCommand({ Bucket: fresh }));
    await s3.waitUntilBucketNotExists(waiting, { Bucket: fresh });
    await put("k", "1");
    await s3.waitUntilObjectExists(waiting, { Bucket, Key: "k" });
    await client.send(new s3.DeleteObjectCommand({ Bucket, Key: "k" }));
    await s3.waitUntilObjectNotExists(waiting, { Bucket, Key: "k" });
  },

  async conditions() {
    const { ETag } = await put("k", "1", { IfNoneMatch: "*" });
    assert.equal(await code(put("k", "2", { IfNoneMatch: "*" })), "PreconditionFailed");
    await put("k", "3", { IfMatch: ETag });
    assert.equal(await code(put("k", "4", { IfMatch: ETag })), "PreconditionFailed");
    assert.equal(await (await get("k")).Body.transformToString(), "3");
  },

  async links() {
    const link = await getSignedUrl(client, new s3.PutObjectCommand({ Bucket, Key: "a b/ü+%" }), { expiresIn: 60 });
    const stored = await fetch(link, { method: "PUT", body: "by link" });
    assert.equal(stored.status, 200, await stored.text());
    const read = await getSignedUrl(client, new s3.GetObjectCommand({ Bucket, Key: "a b/ü+%" }), { expiresIn: 60 });
    assert.equal(await (await fetch(read)).text(), "by link");
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
