// SPDX-License-Identifier: BSD-2-Clause
// The rules of the suite's current edition that npm's 0.4.5 lacks or still sees otherwise, expressed over the
// package's tests.
//
// The package is from before RFC 9111 and RFC 9213. Since then the suite has settled how malformed Age and
// Expires values are to be read, made a few requirements out of questions (and the other way round), and
// gained CDN-Cache-Control, stale-while-revalidate and interim responses. currentEdition() takes the
// package's suites and gives them as of today.
import { interimTests, staleCloseTests } from './scripted.mjs'

const HOUR = 3600

/* ---- building tests ---- */

// An answer that is stored, a pause of three seconds, and a second request that has to be "cached" or
// "not_cached".
function afterPause (fields, expected, kind = 'required') {
  return { kind, requests: [{ response_headers: fields, setup: true, pause_after: true }, { expected_type: expected }] }
}

// The same without the pause.
function atOnce (fields, expected, kind = 'required') {
  const test = afterPause(fields, expected, kind)
  delete test.requests[0].pause_after
  return test
}

function named (id, test, name = id) {
  return { id, name, ...test }
}

// Fields marked false are not compared with what arrives: caches may legitimately rewrite malformed ones.
const loose = (name, ...values) => values.map(value => [name, value, false])

const now = ['Date', 0]

/* ---- RFC 9111 section 5.1: the first member of Age counts, an invalid one is ignored ---- */

function age (id, lines, expected, { kind = 'required', maxAge = HOUR } = {}) {
  const fields = [now, ['Cache-Control', `max-age=${maxAge}`], ...loose('Age', ...lines)]
  return named(`age-parse-${id}`, afterPause(fields, expected, kind), `Age: ${lines.join(' / ')} is ${expected}`)
}

const ageTests = [
  age('nonnumeric', ['abc'], 'cached'),
  age('negative', ['-7200'], 'cached'),
  age('float', ['7200.0'], 'cached'),
  age('large-minus-one', ['2147483647'], 'not_cached'),
  age('large', ['2147483648'], 'not_cached'),
  age('larger', ['2147483649'], 'not_cached'),
  age('suffix', ['7200, 0'], 'not_cached'),
  age('prefix', ['0, 7200'], 'cached'),
  age('suffix-twoline', ['7200', '0'], 'not_cached'),
  age('prefix-twoline', ['0', '7200'], 'cached'),
  age('dup-0', ['0, 0'], 'cached'),
  age('dup-0-twoline', ['0', '0'], 'cached'),
  age('dup-old', ['3600', '3600'], 'cached', { maxAge: 10000 }),
  age('parameter', ['7200;foo=bar'], 'not_cached', { kind: 'check' }),
  age('numeric-parameter', ['7200;foo=111'], 'not_cached', { kind: 'check' })
]

/* ---- RFC 9111 section 5.3 and RFC 9110 section 5.6.7: which dates are dates ---- */

function expires (id, lines, valid) {
  const fields = [...loose('Expires', ...lines), now]
  const test = valid ? afterPause(fields, 'cached', 'optimal') : afterPause(fields, 'not_cached')
  return named(`freshness-expires-${id}`, test, `Expires: ${lines.join(' / ')} is ${valid ? 'a date' : 'not a date'}`)
}

const expiresTests = [
  expires('32bit', ['Tue, 19 Jan 2038 14:14:08 GMT'], true),
  expires('far-future', ['Sun, 21 Nov 2286 04:46:39 GMT'], true),
  expires('rfc850', ['Thursday, 18-Aug-50 02:01:18 GMT'], true),
  expires('ansi-c', ['Thu Aug  8 02:01:18 2050'], true),
  expires('wrong-case-weekday', ['THU, 18 Aug 2050 02:01:18 GMT'], true),
  expires('wrong-case-month', ['Thu, 18 AUG 2050 02:01:18 GMT'], true),
  expires('wrong-case-tz', ['Thu, 18 Aug 2050 02:01:18 gMT'], true),
  expires('invalid-utc', ['Thu, 18 Aug 2050 02:01:18 UTC'], false),
  expires('invalid-aest', ['Thu, 18 Aug 2050 02:01:18 AEST'], false),
  expires('invalid-2-digit-year', ['Thu, 18 Aug 50 02:01:18 GMT'], false),
  expires('invalid-no-comma', ['Thu 18 Aug 2050 02:01:18 GMT'], false),
  expires('invalid-multiple-spaces', ['Thu, 18  Aug  2050 02:01:18 GMT'], false),
  expires('invalid-date-dashes', ['Thu, 18-Aug-2050 02:01:18 GMT'], false),
  expires('invalid-time-periods', ['Thu, 18 Aug 2050 02.01.18 GMT'], false),
  expires('invalid-1-digit-hour', ['Thu, 18 Aug 2050 2:01:18 GMT'], false),
  expires('invalid-multiple-lines', ['Thu, 18 Aug 2050 2:01:18 GMT', 'Thu, 18 Aug 2050 2:01:19 GMT'], false)
]

/* ---- RFC 9213: CDN-Cache-Control ---- */

function cdn (id, value, others, expected, kind = 'required') {
  const fields = [...loose('CDN-Cache-Control', value), ...others]
  return named(`cdn-${id}`, afterPause(fields, expected, kind), `CDN-Cache-Control: ${value} is ${expected}`)
}

const fresh = [['Cache-Control', 'max-age=10000'], ['Expires', 10000], now]
const brief = [['Cache-Control', 'max-age=1']]
const noStore = [['Cache-Control', 'no-store']]

// A response that CDN-Cache-Control keeps fresh for longer than its Cache-Control: which of its fields does a hit still have?
function cdnOutlives (id, field, extra = []) {
  const fields = [...brief, ...extra, ['CDN-Cache-Control', 'max-age=10000'], now]
  const test = afterPause(fields, 'cached', 'check')
  delete test.requests[1].expected_type
  test.requests[1].expected_response_headers = [field]
  return named(`cdn-${id}`, test)
}

const cdnTests = [
  cdn('max-age', 'max-age=3600', [], 'cached', 'optimal'),
  cdn('max-age-max', 'max-age=2147483648', [], 'cached', 'optimal'),
  cdn('max-age-max-plus', 'max-age=99999999999', [], 'cached', 'optimal'),
  cdn('max-age-age', 'max-age=3600', [now, ['Age', '7200']], 'not_cached'),
  cdn('max-age-space-before-equals', 'max-age =100', brief, 'not_cached', 'check'),
  cdn('max-age-space-after-equals', 'max-age= 100', brief, 'not_cached', 'check'),
  cdn('max-age-0', 'max-age=0', [], 'not_cached'),
  cdn('max-age-extension', 'foobar, max-age=3600', [], 'cached', 'optimal'),
  cdn('max-age-case-insensitive', 'MaX-aGe=3600', [], 'cached', 'check'),
  cdn('max-age-expires', 'max-age=3600', [['Expires', -10000], now], 'cached', 'optimal'),
  cdn('max-age-cc-max-age-invalid-expires', 'max-age=3600', [...loose('Expires', '0'), now], 'cached', 'optimal'),
  cdn('max-age-0-expires', 'max-age=0', [['Expires', 10000], now], 'not_cached'),
  cdn('max-age-short-cc-max-age', 'max-age=3600', brief, 'cached', 'optimal'),
  cdn('max-age-long-cc-max-age', 'max-age=1', [['Cache-Control', 'max-age=3600']], 'not_cached'),
  named('cdn-private', atOnce([['CDN-Cache-Control', 'private'], ...fresh], 'not_cached')),
  named('cdn-no-cache', atOnce([['CDN-Cache-Control', 'no-cache'], ...fresh], 'not_cached')),
  cdn('no-store-cc-fresh', 'no-store', fresh, 'not_cached'),
  cdn('fresh-cc-nostore', 'max-age=10000', noStore, 'cached'),
  cdn('cc-invalid-sh-type-unknown', 'max-age=10000, &&&&&', noStore, 'not_cached'),
  cdn('cc-invalid-sh-type-wrong', 'max-age="10000"', noStore, 'not_cached'),
  named('cdn-remove-header', {
    kind: 'check',
    requests: [{
      response_headers: [...loose('CDN-Cache-Control', 'foo'), ...fresh],
      expected_response_headers: [['CDN-Cache-Control', 'foo']]
    }]
  }),
  cdnOutlives('remove-age-exceed', 'Age'),
  cdnOutlives('date-update-exceed', now),
  cdnOutlives('expires-update-exceed', ['Expires', 1], [['Expires', 1]])
]

/* ---- single tests that came later ---- */

// A fresh stored answer, one that the origin would forbid to store, and the first one again.
function oldThenForbidden (id, forbidding) {
  return named(id, {
    kind: 'required',
    requests: [
      { response_headers: [...fresh, ['A', '1']], setup: true, pause_after: true },
      { response_headers: [['Cache-Control', forbidding], now, ['A', '2']], setup: true, pause_after: true },
      { expected_type: 'cached', expected_response_headers: [['a', '1']] }
    ]
  })
}

// Stale within its window once, refreshed in the background by an answer that has to be validated: the third request
// reaches the origin.
const staleWindow = named('stale-while-revalidate-window', {
  kind: 'required',
  requests: [
    {
      response_headers: [['Cache-Control', 'max-age=1, stale-while-revalidate=4'], ['ETag', '"first"']],
      setup: true,
      pause_after: true
    },
    {
      response_headers: [...loose('Cache-Control', 'no-cache'), ...loose('ETag', '"second"')],
      expected_type: 'cached',
      setup: true,
      pause_after: true
    },
    { expected_response_headers: [['client-request-count', '3']] }
  ]
})

const staleWhileRevalidate = afterPause(
  [['Cache-Control', 'max-age=1, stale-while-revalidate=3600'], ['ETag', '"first"']], 'cached', 'optimal')

function understood (status, phrase, expected, kind) {
  const test = atOnce([['Cache-Control', 'max-age=3600, no-store, must-understand']], expected, kind)
  test.requests[0].response_status = [status, phrase]
  return named(`status-${status}-must-understand`, test)
}

const month = ['Expires', 30 * 24 * HOUR]

function keepsField (id, field, kind) {
  const test = afterPause([month, now], 'cached', kind)
  test.requests[1].expected_response_headers = [field]
  return named(id, test)
}

const delayed = named('other-age-delay', {
  kind: 'check',
  requests: [{
    response_headers: [['Cache-Control', 'max-age=3600'], now],
    response_pause: 5,
    expected_response_headers: [['age', '>', 0]]
  }]
})

/* ---- how each of the package's groups is changed ---- */

// Groups whose set-up answers are fresh by Cache-Control today, by Expires in the package.
const freshByMaxAge = ['status', 'vary', 'vary-parse', 'conditional-inm', 'invalidation', 'auth', 'cc-request']

function withMaxAge (step) {
  if (!step.response_headers) return step
  const fields = step.response_headers.map(field =>
    field[0] === 'Expires' && field[1] > 0 ? ['Cache-Control', `max-age=${Math.max(field[1], 2)}`] : field)
  return { ...step, response_headers: fields }
}

// The fields that a 304 has to update; tests of the others are checks today.
const updatedBy304 = ['Test-Header', 'X-Test-Header', 'Content-Foo', 'X-Content-Foo', 'Cache-Control']
const notComparedIn304 = ['Content-Encoding', 'Content-MD5', 'Content-Range', 'ETag']

function update304 (test) {
  const name = test.id.replace('304-etag-update-response-', '')
  if (name === test.id || updatedBy304.includes(name)) return test
  if (name === 'Content-Length') return wholeLength(test)
  return notComparedIn304.includes(name) ? expectNewValue(test, name) : { ...test, kind: 'check' }
}

// Corrects the package, which says that the stored body has 5 bytes of its 36: that would be a second error in the same test.
function wholeLength (test) {
  const fix = fields => fields?.map(field => field[0] === 'Content-Length' && field[1] === '5'
    ? [field[0], '36', ...field.slice(2)]
    : field)
  return {
    ...test,
    requests: test.requests.map(step => ({
      ...step,
      response_headers: fix(step.response_headers),
      ...(step.expected_response_headers && { expected_response_headers: fix(step.expected_response_headers) })
    }))
  }
}

function expectNewValue (test, name) {
  const valueIn = step => step.response_headers.find(field => field[0] === name)[1]
  const fresh = valueIn(test.requests[1])
  const requests = test.requests.map((step, i) => i === 0
    ? step
    : { ...step, expected_response_headers: [[name, fresh]] })
  return { ...test, kind: 'check', requests }
}

const remake = {
  'age-parse': () => ageTests,
  'expires-parse': () => expiresTests,
  'cc-freshness': tests => [
    ...tests,
    named('freshness-max-age-stale', afterPause([['Cache-Control', 'max-age=2'], now], 'not_cached'))
  ],
  'cc-parse': tests => tests.filter(test => !/quoted-all|multiple-(line|directive)/.test(test.id)),
  'cc-response': tests => [
    ...tests,
    oldThenForbidden('cc-resp-no-store-old-new', 'no-store'),
    oldThenForbidden('cc-resp-no-store-old-max-age', 'no-store, max-age=0')
  ],
  stale: tests => [
    ...tests.filter(test => !test.id.startsWith('stale-close-')),
    ...staleCloseTests,
    named('stale-while-revalidate', staleWhileRevalidate),
    staleWindow
  ],
  status: tests => [
    ...tests.filter(test => test.id !== 'status-599-must-understand'),
    understood(599, 'Whatever', 'not_cached', 'required'),
    understood(200, 'OK', 'cached', 'optimal')
  ],
  update304: tests => tests.map(update304),
  invalidation: tests => tests.map(test => /-(location|cl)$/.test(test.id) ? { ...test, kind: 'check' } : test),
  partial: tests => tests.map(test => test.id === 'partial-use-stored-headers' ? { ...test, kind: 'required' } : test),
  other: tests => [
    ...tests,
    delayed,
    keepsField('other-date-update-expires', now, 'required'),
    keepsField('other-date-update-expires-update', month, 'check')
  ]
}

function remakeSuite (suite) {
  let tests = (remake[suite.id] ?? (same => same))(suite.tests)
  if (freshByMaxAge.includes(suite.id)) {
    tests = tests.map(test => test.script ? test : { ...test, requests: test.requests.map(withMaxAge) })
  }
  return { ...suite, tests }
}

/* ---- the tests that a test depends on: a cache that fails them can't pass it, whatever it answers ---- */

// The first pattern that matches a test's id names them. A test that matches no pattern keeps those of the package.
const presupposes = [
  [/^freshness-max-age-stale$/, 'freshness-max-age'],
  [/^age-parse-/, 'freshness-max-age-age'],
  [/^freshness-expires-(?!future|present)/, 'freshness-expires-future'],
  [/^cc-resp-no-store-old/, 'cc-resp-no-store'],
  [/^headers-omit-headers-listed-in-Cache-Control/, 'cc-resp-no-cache-revalidate'],
  [/^stale-while-revalidate-window$/, 'stale-while-revalidate'],
  [/^stale-(close|503|while-revalidate|sie-close|sie-503)$/, 'freshness-max-age-stale'],
  [/^stale-close-/, 'stale-close'],
  [/^status-599-must-understand$/, 'status-599-fresh'],
  [/^status-200-must-understand$/, 'status-200-fresh', 'cc-resp-no-store-fresh'],
  [/^status-\d+-fresh$/, 'freshness-max-age'],
  [/^vary-star$/],
  [/^vary-match$/, 'freshness-max-age'],
  [/^vary-(2-no-match|2-match-omit|3-match)$/, 'vary-2-match'],
  [/^vary-3-/, 'vary-3-match'],
  [/^vary-/, 'vary-match'],
  [/^conditional-lm-stale$/, 'freshness-max-age-stale'],
  [/^conditional-lm-/, 'freshness-max-age'],
  [/^conditional-etag-(strong|weak)-respond$/, 'freshness-max-age'],
  [/^conditional-etag-(strong-generate|weak-generate-weak)$/, 'freshness-max-age-stale'],
  [/^headers-(store|omit)/, 'freshness-max-age'],
  [/^head-writethrough$/, 'freshness-max-age-stale'],
  [/^invalidate-(POST|PUT|DELETE|M-SEARCH)$/, 'freshness-max-age'],
  [/^invalidate-(POST|PUT|DELETE|M-SEARCH)-(?:location|cl)$/, 'freshness-max-age'],
  [/^partial-store-/, 'freshness-max-age'],
  [/^other-authorization$/, 'freshness-max-age'],
  [/^other-(age|date)-update-expires/, 'freshness-expires-future'],
  [/^other-heuristic-content/, 'heuristic-200-cached'],
  [/^(other-(age-gen|age-update|date-update|fresh|set-cookie|cookie)|query-args)/, 'freshness-max-age'],
  [/^cdn-(max-age|max-age-max|max-age-max-plus|no-store-cc-fresh|fresh-cc-nostore)$/, 'freshness-none'],
  [/^cdn-(private|no-cache|remove-header)$/],
  [/^cdn-/, 'cdn-max-age']
]

function withPresupposed (test) {
  const [, ...ids] = presupposes.find(([pattern]) => pattern.test(test.id)) ?? [null, ...(test.depends_on ?? [])]
  return { ...test, depends_on: ids }
}

export function currentEdition (suites) {
  const all = [
    ...suites.map(remakeSuite),
    { name: 'CDN-Cache-Control', id: 'cdn-cache-control', tests: cdnTests },
    { name: 'Interim Responses', id: 'interim', tests: interimTests }
  ]
  return all.map(suite => ({ ...suite, tests: suite.tests.map(withPresupposed) }))
}
