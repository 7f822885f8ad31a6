// The public client @novu/node against webhookd: every call that it has for events, and what it has for subscribers and
// topics. It ends with 1 at the first answer that is not as it should be.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Novu } from '@novu/node';

const backendUrl = process.env.WEBHOOKD_URL;
const key = process.env.WEBHOOKD_API_KEY;
assert.ok(backendUrl && key, 'WEBHOOKD_URL and WEBHOOKD_API_KEY must be set');

const novu = new Novu(key, { backendUrl });
const run = randomUUID().slice(0, 8); // ids of this run
const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

async function check(what, steps) {
  try {
    await steps();
  } catch (error) {
    console.error(`node: ${what}: ${error.stack}`);
    if (error.response) console.error(`node: answered ${error.response.status}: ${JSON.stringify(error.response.data)}`);
    process.exit(1);
  }
  console.log(`node: ${what}`);
}

// refused requires that a promise fails with this status and an error in Novu's form, and gives that error.
async function refused(promise, status, path) {
  const error = await promise.then(
    (answer) => assert.fail(`answered ${answer.status} where ${status} was due: ${JSON.stringify(answer.data)}`),
    (error) => error,
  );
  assert.equal(error.response?.status, status, error.stack);
  const told = error.response.data;
  assert.equal(told.statusCode, status);
  assert.equal(told.path, path);
  assert.equal(typeof told.message, 'string');
  assert.ok(!Number.isNaN(Date.parse(told.timestamp)));
  return told;
}

function processed(answer, transactionId) {
  assert.equal(answer.status, 201);
  assert.deepEqual(Object.keys(answer.data), ['data']);
  const { acknowledged, status, transactionId: given } = answer.data.data;
  assert.equal(acknowledged, true);
  assert.equal(status, 'processed');
  if (transactionId) assert.equal(given, transactionId);
  else assert.match(given, uuid);
  return given;
}

// states gives the states of a handler's triggers, by transaction.
async function states(handler) {
  const answer = await fetch(`${backendUrl}/v1/handlers/${handler}/triggers?limit=200`, {
    headers: { Authorization: `ApiKey ${key}` },
  });
  assert.equal(answer.status, 200);
  const { triggers } = await answer.json();
  return Object.fromEntries(triggers.map((one) => [one.transaction_id, one.state]));
}

await check('subscribers are kept, read, changed and removed', async () => {
  for (const id of ['anna', 'bert', 'carl']) {
    const answer = await novu.subscribers.identify(`${id}-${run}`, {
      firstName: id, email: `${id}@example.com`, phone: '+48501502503', data: { vip: true },
    });
    assert.equal(answer.status, 201);
    assert.equal(answer.data.data.subscriberId, `${id}-${run}`);
  }
  const got = (await novu.subscribers.get(`anna-${run}`)).data.data;
  assert.deepEqual([got.firstName, got.email, got.phone, got.data], ['anna', 'anna@example.com', '+48501502503', { vip: true }]);
  const changed = await novu.subscribers.update(`anna-${run}`, { lastName: 'Nowak' });
  assert.equal(changed.status, 200);
  assert.deepEqual([changed.data.data.firstName, changed.data.data.lastName], ['anna', 'Nowak']);
  const page = (await novu.subscribers.list(0, 2)).data;
  assert.equal(page.data.length, 2);
  assert.equal(page.pageSize, 2);
  assert.equal(page.hasMore, true);
  assert.deepEqual((await novu.subscribers.delete(`carl-${run}`)).data, { data: { acknowledged: true, status: 'deleted' } });
  await refused(novu.subscribers.get(`carl-${run}`), 404, `/v1/subscribers/carl-${run}`);
});

await check('topics are made, filled, read and removed', async () => {
  const topic = `vip-${run}`;
  const made = await novu.topics.create({ key: topic, name: 'Important' });
  assert.equal(made.status, 201);
  assert.equal(made.data.data.key, topic);
  const joined = await novu.topics.addSubscribers(topic, { subscribers: [`anna-${run}`, `bert-${run}`, `nobody-${run}`] });
  assert.deepEqual(joined.data.data, {
    succeeded: [`anna-${run}`, `bert-${run}`], failed: { notFound: [`nobody-${run}`] },
  });
  assert.deepEqual((await novu.topics.get(topic)).data.data.subscribers, [`anna-${run}`, `bert-${run}`]);
  assert.equal((await novu.topics.removeSubscribers(topic, { subscribers: [`bert-${run}`] })).status, 204);
  assert.equal((await novu.topics.rename(topic, 'Very important')).data.data.name, 'Very important');
  const page = (await novu.topics.list({ page: 0, pageSize: 10, key: topic })).data;
  assert.deepEqual(page.data.map((one) => [one.key, one.name, one.subscribers]), [[topic, 'Very important', [`anna-${run}`]]]);
  assert.equal((await novu.topics.create({ key: `gone-${run}`, name: 'x' })).status, 201);
  assert.equal((await novu.topics.delete(`gone-${run}`)).status, 204);
  await refused(novu.topics.get(`gone-${run}`), 404, `/v1/topics/gone-${run}`);
});

await check('trigger goes to every form of "to"', async () => {
  for (const to of [
    `anna-${run}`,
    { subscriberId: `anna-${run}`, email: 'anna@example.com', firstName: 'Anna' },
    { type: 'Topic', topicKey: `vip-${run}` },
    [`anna-${run}`, `bert-${run}`],
    [{ subscriberId: `new-${run}` }, { type: 'Topic', topicKey: `vip-${run}` }],
  ]) {
    processed(await novu.trigger('interop-now', { to, payload: { order: 4711 }, overrides: { sms: { from: 'x' } } }));
  }
  processed(await novu.trigger('interop-now', { to: `anna-${run}`, actor: { subscriberId: `bert-${run}` }, tenant: 'one' }));
  processed(await novu.trigger('interop-flow', { to: { subscriberId: `anna-${run}`, phone: '+48501502503' }, payload: {} }));
  assert.equal((await novu.subscribers.get(`new-${run}`)).data.data.subscriberId, `new-${run}`);
});

await check('a transaction id is one trigger', async () => {
  const id = `order 7/${run}`;
  const order = { to: `anna-${run}`, payload: { order: 7 }, transactionId: id };
  const first = await novu.trigger('interop-now', order);
  processed(first, id);
  const again = await novu.trigger('interop-now', order);
  assert.deepEqual(again.data, first.data);
  assert.equal((await states('interop-now'))[id], 'done');
});

await check('trigger says what cannot be done', async () => {
  const unknown = await refused(novu.trigger('no-such-handler', { to: 'anna', payload: {} }), 422, '/v1/events/trigger');
  assert.equal(unknown.errors.name.messages.length, 1);
  const wrong = await refused(novu.trigger('interop-now', { to: { email: 'x' }, payload: {} }), 422, '/v1/events/trigger');
  assert.ok(wrong.errors['to.subscriberId']);
  await refused(new Novu('a-wrong-key', { backendUrl }).trigger('interop-now', { to: 'anna' }), 401, '/v1/events/trigger');
  const off = await novu.trigger('interop-off', { to: 'anna', payload: {} });
  assert.equal(off.status, 201);
  assert.equal(off.data.data.status, 'trigger_not_active');
});

await check('bulk does each by itself', async () => {
  const answer = await novu.bulkTrigger([
    { name: 'interop-now', to: `anna-${run}`, payload: {} },
    { name: 'no-such-handler', to: `anna-${run}`, payload: {} },
    { name: 'interop-now', to: [], payload: {} },
    { name: 'interop-off', to: `anna-${run}`, payload: {} },
    { name: 'interop-later', to: `anna-${run}`, payload: {}, transactionId: `bulk-${run}` },
  ]);
  assert.equal(answer.status, 201);
  assert.deepEqual(
    answer.data.data.map((one) => [one.acknowledged, one.status]),
    ['processed', 'error', 'invalid_recipients', 'trigger_not_active', 'processed'].map((status) => [true, status]),
  );
  assert.equal(answer.data.data[1].error.length, 1);
  assert.equal(answer.data.data[4].transactionId, `bulk-${run}`);
  const many = await refused(
    novu.bulkTrigger(Array.from({ length: 101 }, () => ({ name: 'interop-now', to: 'anna', payload: {} }))),
    400, '/v1/events/trigger/bulk',
  );
  assert.equal(many.errors[0].field, 'events');
  assert.equal(typeof many.type, 'string');
});

await check('broadcast goes to everybody', async () => {
  processed(await novu.broadcast('interop-now', { payload: { order: 1 }, transactionId: `all-${run}` }), `all-${run}`);
  await refused(novu.broadcast('no-such-handler', { payload: {} }), 422, '/v1/events/trigger/broadcast');
});

await check('cancel takes back what is pending, once', async () => {
  for (const id of [`later-${run}`, `a/b ${run}`, `50%-${run}`]) {
    processed(await novu.trigger('interop-later', { to: `anna-${run}`, payload: {}, transactionId: id }), id);
    assert.equal((await states('interop-later'))[id], 'pending');
    const first = await novu.events.cancel(encodeURIComponent(id)); // the client does not encode it
    assert.equal(first.status, 200);
    assert.deepEqual(first.data, { data: true });
    assert.deepEqual((await novu.events.cancel(encodeURIComponent(id))).data, { data: false });
    assert.equal((await states('interop-later'))[id], 'cancelled');
  }
  assert.deepEqual((await novu.events.cancel(`bulk-${run}`)).data, { data: true });
  assert.deepEqual((await novu.events.cancel(`never-${run}`)).data, { data: false });
});

await check('a client that repeats its requests is answered', async () => {
  const patient = new Novu(key, { backendUrl, retryConfig: { retryMax: 2, waitMin: 1, initialDelay: 1 } });
  processed(await patient.trigger('interop-now', { to: `anna-${run}`, payload: {} }));
});
