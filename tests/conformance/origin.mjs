// SPDX-License-Identifier: BSD-2-Clause
// The suite's origin server, made of the package's own handlers, on a port the system picks (printed as a
// line of JSON). It adds what the current edition's tests need and 0.4.5's server lacks: interim responses
// and a pause before the answer.
import http from 'node:http'
import handleConfig from './node_modules/http-cache-tests/server/handle-config.mjs'
import handleState from './node_modules/http-cache-tests/server/handle-state.mjs'
import handleTest from './node_modules/http-cache-tests/server/handle-test.mjs'
import { configs } from './node_modules/http-cache-tests/server/utils.mjs'

function stepOf (id, request) {
  const steps = configs.get(id) ?? []
  return steps[parseInt(request.headers['req-num']) - 1] ?? {}
}

function sendInterim (response, [status, fields]) {
  if (status === 102) response.writeProcessing()
  else if (status === 103) response.writeEarlyHints(Object.fromEntries(fields))
  else throw new Error(`no way to send an interim ${status}`)
}

function answerTest (rest, request, response) {
  const step = stepOf(rest[0], request)
  for (const interim of step.interim_responses ?? []) sendInterim(response, interim)
  setTimeout(handleTest, (step.response_pause ?? 0) * 1000, rest, request, response)
}

const handlers = { config: handleConfig, state: handleState, test: answerTest }

const server = http.createServer((request, response) => {
  const [, what, ...rest] = new URL(request.url, 'http://origin.invalid').pathname.split('/')
  if (handlers[what]) {
    handlers[what](rest, request, response)
  } else {
    response.writeHead(404).end()
  }
})
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
