// SPDX-License-Identifier: BSD-2-Clause
// Tests that the package's client can't express: interim responses, and answers that must NOT come from the
// origin or the store. They speak to the origin's /config the way the client does, and to the proxy with
// node's plain HTTP client.
import assert from 'node:assert/strict'
import http from 'node:http'
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'

const PAUSE = 3000

function exchange (url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(url, { method, headers, agent: false })
    const interim = []
    request.on('information', info => interim.push({ status: info.statusCode, headers: info.headers }))
    request.on('error', reject)
    request.on('response', response => {
      const chunks = []
      response.on('data', chunk => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve({
        status: response.statusCode, headers: response.headers, interim, body: Buffer.concat(chunks).toString()
      }))
    })
    request.end(body)
  })
}

// Tells the origin what to answer to each request of a new URL; gives a function that makes the next request.
async function session (base, id, steps) {
  const uuid = randomUUID()
  const config = JSON.stringify(steps.map(step => ({ ...step, id })))
  const put = await exchange(`${base}/config/${uuid}`,
    { method: 'PUT', headers: { 'content-type': 'application/json' }, body: config })
  assert.equal(put.status, 201, 'the origin took the configuration')
  let number = 0
  return () => exchange(`${base}/test/${uuid}`, { headers: { 'Test-ID': id, 'Req-Num': String(++number) } })
}

const storable = [['Cache-Control', 'max-age=100000'], ['Date', 0]]
const link = ['link', '</styles.css>; rel=preload; as=style']

// A miss with an interim response before it, a pause, and a hit.
async function missThenHit (base, id, interim) {
  const next = await session(base, id, [{ interim_responses: [interim], response_headers: storable }, {}])
  const miss = await next()
  await sleep(PAUSE)
  return { miss, hit: await next() }
}

function assertHit (hit) {
  assert.equal(hit.status, 200)
  assert.equal(hit.headers['server-request-count'], '1', 'the second response comes from the cache')
}

function interimTest (id, kind, interim, check) {
  return {
    id,
    name: id,
    kind,
    async script (base) {
      const { miss, hit } = await missThenHit(base, id, interim)
      assert.deepEqual(miss.interim.map(info => info.status), [interim[0]], 'the interim response is passed on')
      assertHit(hit)
      check?.(miss, hit)
    }
  }
}

export const interimTests = [
  interimTest('interim-102', 'optimal', [102]),
  interimTest('interim-103', 'optimal', [103, [link, ['x-my-header', 'test']]], miss => {
    assert.equal(miss.interim[0].headers.link, link[1])
    assert.equal(miss.interim[0].headers['x-my-header'], 'test')
  }),
  interimTest('interim-not-cached', 'required', [103, [link]], (miss, hit) => {
    assert.equal(hit.interim.length, 0, 'a hit has no interim response')
  }),
  interimTest('interim-no-header-reuse', 'optimal', [103, [link, ['x-my-header', 'test']]], (miss, hit) => {
    assert.ok(!('x-my-header' in miss.headers), 'fields of an interim response are not in the final one')
    assert.ok(!('x-my-header' in hit.headers), 'nor are they stored')
  })
]

// A response that may not be served stale has become stale, and the origin hangs up: any answer will do but the stored response.
function staleCloseTest (directive) {
  const id = `stale-close-${directive}`
  return {
    id,
    name: `a stale response with ${directive} is not served when the origin is gone`,
    kind: 'required',
    async script (base) {
      const stored = { response_headers: [['Cache-Control', `max-age=2, ${directive}`]] }
      const next = await session(base, id, [stored, { disconnect: true }])
      assert.equal((await next()).status, 200)
      await sleep(PAUSE)
      const answer = await next().catch(() => ({ headers: {} })) // a proxy may also just close
      assert.ok(!('server-request-count' in answer.headers), 'the stored response was served')
    }
  }
}

export const staleCloseTests = ['must-revalidate', 'proxy-revalidate', 'no-cache', 's-maxage=2'].map(staleCloseTest)
