// SPDX-License-Identifier: BSD-2-Clause
// Runs one edition of the suite against a proxy and prints the outcome as JSON:
//   node drive.mjs BASE-URL published|current [TEST-ID[,TEST-ID...] [show]]
// With "show" the requests and responses are printed before it.
// Each outcome is { id, group, kind, outcome: pass | fail | setup | untestable | skipped, why }.
import fetch from 'node-fetch'
import suites from './node_modules/http-cache-tests/tests/index.mjs'
import { runTests, getResults } from './node_modules/http-cache-tests/client/runner.mjs'
import { currentEdition } from './current.mjs'

const [base, edition, ids, show] = process.argv.slice(2)
const only = ids?.split(',')
const chosen = edition === 'current' ? currentEdition(suites) : suites

const groups = chosen.map(suite => ({
  ...suite,
  tests: suite.tests.filter(test => !test.browser_only && (!only || only.includes(test.id)))
})).filter(suite => suite.tests.length > 0)
if (show) groups.forEach(suite => suite.tests.forEach(test => { test.dump = true }))

// Tests that the package's client can't express carry a function; the rest are the package's kind of data.
const scripted = groups.flatMap(suite => suite.tests.filter(test => test.script))
// Clones the tests, because the client writes dates into their fields, which tests share.
const data = groups.map(suite => structuredClone({ ...suite, tests: suite.tests.filter(test => !test.script) }))

const found = {}
async function runScripted (test) {
  try {
    await test.script(base)
    found[test.id] = true
  } catch (error) {
    found[test.id] = [error.name, error.message]
  }
}

await Promise.all([runTests(data, fetch, false, base), ...scripted.map(runScripted)])
Object.assign(found, getResults())

// A test whose dependencies fail shows nothing, whatever its outcome. Published results don't count it as passed either.
const byId = new Map(groups.flatMap(suite => suite.tests.map(test => [test.id, test])))

function unmet (test) {
  return (test.depends_on ?? []).filter(id => byId.has(id))
    .find(id => found[id] !== true || unmet(byId.get(id)) !== undefined)
}

function outcomeOf (test) {
  const result = found[test.id]
  if (result === undefined) return { outcome: 'skipped', why: '' }
  if (unmet(test) !== undefined) return { outcome: 'untestable', why: `${unmet(test)} doesn't pass` }
  if (result === true) return { outcome: 'pass', why: '' }
  return { outcome: result[0].startsWith('Assertion') ? 'fail' : 'setup', why: result[1] }
}

const report = groups.flatMap(suite => suite.tests.map(test =>
  ({ id: test.id, group: suite.name, kind: test.kind ?? 'required', ...outcomeOf(test) })))
process.stdout.write(JSON.stringify(report) + '\n', () => process.exit(0))
