/* SPDX-License-Identifier: BSD-2-Clause */
/* policy: the exact messages about files with errors. */
#include "config.h"

#include "test.h"

#include "files.h"
#include "policy/policy_error.h"

struct error_case {
    const char *text, *said;
};

static void check(const struct error_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char *said = wrong(cases[i].text);
        assert_string_equal(said, cases[i].said);
        free(said);
    }
}

#define CHECK(cases) check(cases, sizeof cases / sizeof cases[0])

static void text_that_is_no_yaml_names_the_place(void **state)
{
    (void) state;
    static const struct error_case cases[] = {
        { "", "p:1:1: the policy is empty\n" },
        { "# nothing\n", "p:1:1: the policy is empty\n" },
        { "- a\n", "p:1:1: a mapping (key: value) belongs here, not a list\n" },
        { "listen", "p:1:1: a mapping (key: value) belongs here, not a single value\n" },
        { "memory:\n\tsize: 1MB\n", "p:2:1: a tab cannot indent YAML: use spaces\n" },
        { "listen: [a\nroutes: b\n",
          "p:2:7: did not find expected ',' or ']', while parsing a flow sequence that began on line 1\n" },
        { "server_name: \"x\n",
          "p:2:1: found unexpected end of stream, while scanning a quoted scalar that began on line 1\n" },
        { "server_name: \xff\n", "p:1:14: not UTF-8 text: invalid leading UTF-8 octet\n" },
        { MINIMAL "---\n" MINIMAL,
          "p:4:1: a second YAML document starts here: a policy is a single document\n" },
        { MINIMAL "x: *y\n", "p:4:4: there is no anchor &y before this alias\n" },
        { MINIMAL "x: &y [*y]\n", "p:4:8: the alias *y stands within its own anchor\n" },
        { MINIMAL "server_name: !!str x\n",
          "p:4:14: YAML tags (tag:yaml.org,2002:str) have no meaning in a policy\n" },
        { MINIMAL "<<: {}\n",
          "p:4:1: merge keys (<<) are not supported: repeat the whole value with an alias\n" },
        { MINIMAL "[a]: b\n", "p:4:1: a key must be a word, not a list or mapping\n" },
        { MINIMAL "server_name: \"a\\0b\"\n", "p:4:14: a value must not hold a NUL character\n" },
        { "a: [[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\n",
          "p:1:35: nested too deeply\n" },
    };
    CHECK(cases);
}

static void keys_are_known_and_stand_once(void **state)
{
    (void) state;
    static const struct error_case cases[] = {
        { MINIMAL "server_nam: x\n",
          "p:4:1: unknown key \"server_nam\" at the top level (did you mean \"server_name\"?)\n" },
        { MINIMAL "nonsense: x\n", "p:4:1: unknown key \"nonsense\" at the top level\n" },
        { MINIMAL "max_body: 1MB\n",
          "p:4:1: unknown key \"max_body\" at the top level (did you mean \"client.max_body\"?)\n" },
        { MINIMAL "memory: { sice: 1MB }\n",
          "p:4:11: unknown key \"sice\" in memory (did you mean \"size\"?)\n" },
        { MINIMAL LISTEN, "p:4:1: the key \"listen\" stands here twice: first on line 1\n" },
        { MINIMAL "memory: { size: 1MB, size: 2MB }\n",
          "p:4:22: the key \"size\" stands here twice: first on line 4\n" },
        { ORIGINS ROUTES, "p:1:1: listen is missing here\n" },
        { LISTEN ORIGINS, "p:1:1: routes is missing here\n" },
        { LISTEN ORIGINS "routes: [{ match: {} }]\n", "p:3:10: origin is missing here\n" },
        { LISTEN ORIGINS "routes: [{ origin: a }]\n", "p:3:10: match is missing here\n" },
        { LISTEN ROUTES "origins: { a: {} }\n", "p:3:15: servers is missing here\n" },
        { LISTEN ROUTES "origins: { a: { servers: b:1 }, a: { servers: c:1 } }\n",
          "p:3:33: the name \"a\" stands here twice\n" },
        { LISTEN ROUTES "origins: { a: { servers: b:1 }, \"a b\": { servers: c:1 } }\n",
          "p:3:33: \"a b\" is not a name of at most 64 letters, digits, \".\", \"-\" and \"_\"\n" },
    };
    CHECK(cases);
}

static void edits_leave_alone_what_frames_or_is_weirs(void **state)
{
    (void) state;
#define EDIT(text) LISTEN ORIGINS "routes: [{ match: {}, origin: a, " text " }]\n"
    static const struct error_case cases[] = {
        { EDIT("request: { set: { Content-Length: 1 } }"),
          "p:3:52: set: Content-Length can't be edited: it frames the request, so weir alone writes it\n" },
        { EDIT("request: { add: { transfer_encoding: 1 } }"),
          "p:3:52: add: transfer_encoding can't be edited: it concerns one connection only, so weir alone "
          "writes it\n" },
        { EDIT("request: { remove: [Via] }"),
          "p:3:54: remove: Via can't be edited: it is written by weir itself\n" },
        { EDIT("request: { set: { If-None-Match: x } }"),
          "p:3:52: set: If-None-Match can't be edited: it is answered by the cache, which sends its own\n" },
        { EDIT("request: { remove: [Host] }"), "p:3:54: remove: a request needs its Host (RFC 9112 3.2)\n" },
        { EDIT("response: { set: { Age: 1 } }"),
          "p:3:53: set: Age can't be edited: it is written by weir itself\n" },
        { EDIT("response: { remove: [Connection, \"a b\"] }"),
          "p:3:55: remove: Connection can't be edited: it concerns one connection only, so weir alone writes "
          "it\np:3:67: remove: \"a b\" is not the name of a field\n" },
        { EDIT("response: { set: { X-A: \"\" } }"),
          "p:3:58: set: an empty field says nothing: write remove: [X-A]\n" },
        { EDIT("response: { set: { X-A: \"a\\nb\" } }"),
          "p:3:58: set: \"a?b\" holds a character that must not stand there\n" },
    };
    CHECK(cases);
}

static void templates_name_what_there_is(void **state)
{
    (void) state;
    static const struct error_case cases[] = {
        { EDIT("response: { set: { X-A: \"{clint}\" } }"),
          "p:3:58: set: {clint} is nothing that a request fills in (did you mean \"client\"?); a brace "
          "itself is "
          "written twice: {{\n" },
        { EDIT("response: { set: { X-A: \"{header}\" } }"),
          "p:3:58: set: {header} needs a name after a colon\n" },
        { EDIT("response: { set: { X-A: \"{client:a}\" } }"), "p:3:58: set: {client:a} takes no name\n" },
        { EDIT("response: { set: { X-A: \"{cookie:}\" } }"),
          "p:3:58: set: {cookie:} holds no name after its colon\n" },
        { EDIT("response: { set: { X-A: \"{client\" } }"), "p:3:58: set: {client} has no closing brace\n" },
        { EDIT("request: { replace: x }"),
          "p:3:54: replace: a path begins with \"/\" (did you mean \"/x\"?)\n" },
        { EDIT("request: { strip: / }"), "p:3:52: strip: \"/\" changes nothing\n" },
        { EDIT("request: { query: { set: { a: \"{time}\" } } }"),
          "p:3:43: request: {request_id} and {time} differ in each request, so no response to such a target, "
          "Host or query could be shared: they need cache: off\n" },
        { LISTEN "origins: { a: { servers: b:1, pass_host: off } }\n"
                 "routes: [{ match: {}, origin: a, request: { set: { Host: x } } }]\n",
          "p:3:43: request: pass_host: off of the origin \"a\" replaces this Host: remove it\n" },
    };
    CHECK(cases);
}

static void values_have_their_shape(void **state)
{
    (void) state;
    static const struct error_case cases[] = {
        { MINIMAL "memory:\n", "p:4:8: memory: a value is missing\n" },
        { MINIMAL "redis: ~\n", "p:4:8: redis: a value is missing\n" },
        { MINIMAL "server_name: [a]\n", "p:4:14: server_name: a single value belongs here, not a list\n" },
        { MINIMAL "log: debug\n", "p:4:6: log: a mapping (key: value) belongs here, not \"debug\"\n" },
        { MINIMAL "memory: big\n",
          "p:4:9: memory: off or a mapping (key: value) belongs here, not \"big\"\n" },
        { MINIMAL "trusted_proxies: { a: b }\n",
          "p:4:18: trusted_proxies: a list [a, b, ...] belongs here, not a mapping\n" },
        { MINIMAL "trusted_proxies: [[\"::1\"]]\n",
          "p:4:19: trusted_proxies: the items of the list must be single values\n" },
        { MINIMAL "trusted_proxies: [~]\n", "p:4:19: trusted_proxies: an item of the list is empty\n" },
        { "listen: []\n" ORIGINS ROUTES, "p:1:9: listen: at least one is needed\n" },
        { LISTEN ROUTES "origins: { a: { servers: [] } }\n", "p:3:26: servers: at least one is needed\n" },
        { LISTEN ORIGINS "routes: []\n", "p:3:9: routes: at least one is needed\n" },
    };
    CHECK(cases);
}

static void quantities_have_units_and_ranges(void **state)
{
    (void) state;
#define NOT_A_SPAN "a duration is a whole number and a unit: ms, s, m, h or d, such as 500ms or 1h"
#define NOT_A_SIZE "a size is a whole number and a unit: B, KB, MB or GB, such as 512KB"
#define NOT_A_RATE "a rate is a count, a slash and a time, such as 100/s, 1000/m or 50/10s"
#define NOT_A_SHARE "a share is a whole number from 0 to 100 and a percent sign, such as 10%"
    static const struct error_case cases[] = {
        { MINIMAL "drain_timeout: 30\n", "p:4:16: drain_timeout: " NOT_A_SPAN " (did you mean \"30s\"?)\n" },
        { MINIMAL "redis: { url: redis://a, timeout: 50 }\n", /* 50s would be too much */
          "p:4:35: timeout: " NOT_A_SPAN " (did you mean \"50ms\"?)\n" },
        { MINIMAL "drain_timeout: 999999999\n", "p:4:16: drain_timeout: " NOT_A_SPAN "\n" },
        { MINIMAL "limits: { l: { key: client, algorithm: gcra, rate: 99999999999999999999/s } }\n",
          "p:4:52: rate: " NOT_A_RATE "\n" },
        { MINIMAL "drain_timeout: 30 sec\n",
          "p:4:16: drain_timeout: " NOT_A_SPAN " (did you mean \"30s\"?)\n" },
        { MINIMAL "drain_timeout: 3min\n", "p:4:16: drain_timeout: " NOT_A_SPAN " (did you mean \"3m\"?)\n" },
        { MINIMAL "drain_timeout: 3msec\n",
          "p:4:16: drain_timeout: " NOT_A_SPAN " (did you mean \"3ms\"?)\n" },
        { MINIMAL "drain_timeout: soon\n", "p:4:16: drain_timeout: " NOT_A_SPAN "\n" },
        { MINIMAL "drain_timeout: 2h\n", "p:4:16: drain_timeout: 2h is out of range: from 0s to 1h\n" },
        { MINIMAL "memory: { size: 256 }\n", "p:4:17: size: " NOT_A_SIZE "\n" },
        { MINIMAL "memory: { size: 256mb }\n", "p:4:17: size: " NOT_A_SIZE " (did you mean \"256MB\"?)\n" },
        { MINIMAL "memory: { size: 2KB }\n", "p:4:17: size: 2KB is out of range: from 1MB to 16384GB\n" },
        { MINIMAL "workers: 0\n", "p:4:10: workers: 0 is out of range: from 1 to 1024\n" },
        { MINIMAL "workers: -1\n", "p:4:10: workers: \"-1\" is not a whole number or auto\n" },
        { MINIMAL "workers: auot\n",
          "p:4:10: workers: \"auot\" is not a whole number or auto (did you mean \"auto\"?)\n" },
        { MINIMAL "workers: 99999999999999999999\n",
          "p:4:10: workers: 99999999999999999999 is out of range: from 1 to 1024\n" },
        { MINIMAL "limits: { l: { key: client, rate: 100 } }\n",
          "p:4:35: rate: " NOT_A_RATE " (did you mean \"100/s\"?)\n" },
        { MINIMAL "limits: { l: { key: client, rate: 100/min } }\n",
          "p:4:35: rate: " NOT_A_RATE " (did you mean \"100/m\"?)\n" },
        { MINIMAL "limits: { l: { key: client, rate: 0/s } }\n",
          "p:4:35: rate: a rate of 0 admits nothing: use a count of 1 or more\n" },
        { LISTEN ORIGINS "routes: [{ match: {}, origin: a, cache: { jitter: 0.25 } }]\n",
          "p:3:51: jitter: " NOT_A_SHARE " (did you mean \"25%\"?)\n" },
        { LISTEN ORIGINS "routes: [{ match: {}, origin: a, cache: { jitter: 95% } }]\n",
          "p:3:51: jitter: 95% is out of range: from 0% to 90%\n" },
        { LISTEN ORIGINS "routes: [{ match: {}, origin: a, cache: { early_refresh: 1e3 } }]\n",
          "p:3:58: early_refresh: \"1e3\" is not a number such as 1 or 0.5\n" },
        { LISTEN ORIGINS "routes: [{ match: {}, origin: a, cache: { early_refresh: 10.5 } }]\n",
          "p:3:58: early_refresh: 10.5 is out of range: from 0 to 10\n" },
    };
    CHECK(cases);
}

static void words_and_references_are_suggested(void **state)
{
    (void) state;
    static const struct error_case cases[] = {
        { MINIMAL "log: { level: warning }\n",
          "p:4:15: level: \"warning\" is not error, warn, info or debug\n" },
        { MINIMAL "log: { level: wran }\n",
          "p:4:15: level: \"wran\" is not error, warn, info or debug (did you mean \"warn\"?)\n" },
        { LISTEN "origins: { shop: { servers: b:1 } }\nroutes: [{ match: {}, origin: shpo }]\n",
          "p:3:31: origin: there is no \"shpo\" in origins (did you mean \"shop\"?)\n" },
        { LISTEN ORIGINS "limits: { per-client: { key: client, rate: 1/s } }\n"
                         "routes: [{ match: {}, origin: a, limits: [per_client, other] }]\n",
          "p:4:43: limits: there is no \"per_client\" in limits (did you mean \"per-client\"?)\n"
          "p:4:55: limits: there is no \"other\" in limits\n" },
        { LISTEN ORIGINS "limits: { l: { key: client, rate: 1/s } }\n"
                         "routes: [{ match: {}, origin: a, limits: [l, l] }]\n",
          "p:4:46: limits: \"l\" stands here twice\n" },
        { LISTEN ORIGINS "limits: { l: { key: client, rate: 1/s } }\n"
                         "routes: [{ match: {}, origin: a, limits: [l, a, b, c, d, e, f, g, h] }]\n",
          "p:4:42: limits: 9 limits are too many for one route: at most 8\n"
          "p:4:46: limits: there is no \"a\" in limits\n"
          "p:4:49: limits: there is no \"b\" in limits\n"
          "p:4:52: limits: there is no \"c\" in limits\n"
          "p:4:55: limits: there is no \"d\" in limits\n"
          "p:4:58: limits: there is no \"e\" in limits\n"
          "p:4:61: limits: there is no \"f\" in limits\n"
          "p:4:64: limits: there is no \"g\" in limits\n"
          "p:4:67: limits: there is no \"h\" in limits\n" },
        { MINIMAL "limits: { l: { key: headr:X, rate: 1/s } }\n",
          "p:4:21: key: \"headr\" is not client, header, cookie or query (did you mean \"header\"?)\n" },
        { MINIMAL "limits: { l: { key: header, rate: 1/s } }\n",
          "p:4:21: key: a name is missing, such as header:NAME\n" },
        { MINIMAL "limits: { l: { key: client:x, rate: 1/s } }\n",
          "p:4:21: key: client takes no name: it is the client's address\n" },
        { MINIMAL "limits: { l: { key: \"header:a b\", rate: 1/s } }\n",
          "p:4:21: key: \"a b\" is not the name of a header\n" },
        { LISTEN ORIGINS "routes: [{ match: { method: [GET, \"P*\"] }, origin: a }]\n",
          "p:3:35: method: a method is written in full: leave the list out to match any method\n" },
        { LISTEN ORIGINS
          "routes: [{ match: {}, origin: a, cache: { bypass: [\"query:a=b\", \"cookie:a[0-9]\"] } }]\n",
          "p:3:52: bypass: \"a=b\" is not the name of a parameter as it stands in a query: no spaces, \"&\", "
          "\"=\" or \"#\"\n"
          "p:3:65: bypass: \"a[0-9]\" is not the name of a cookie\n" },
        { LISTEN ORIGINS "routes: [{ match: {}, origin: a, cache: { cookies: ignor, heuristic: 0.1 } }]\n",
          "p:3:52: cookies: \"ignor\" is not pass or ignore (did you mean \"ignore\"?)\n"
          "p:3:70: heuristic: a share is a whole number from 0 to 100 and a percent sign, such as 10% (did "
          "you mean \"10%\"?)\n" },
        { LISTEN ORIGINS "routes: [{ match: {}, origin: a, cache: { cookies: [], set_cookie: all } }]\n",
          "p:3:52: cookies: an empty list names no cookie that counts: write ignore, if that is meant\n"
          "p:3:68: set_cookie: \"all\" is not first or store\n" },
        { LISTEN ORIGINS "routes: [{ match: {}, origin: a, cache: { cookies: [\"a b\"], statuses: { 429: 1s, "
                         "4xx: 1s } } }]\n",
          "p:3:53: cookies: \"a b\" is not a name that HTTP allows: no spaces, quotes, colons or brackets\n"
          "p:3:73: statuses: 429 speaks of one client's requests and is never stored (RFC 6585): remove "
          "it\n" },
        { MINIMAL "limits: { l: { key: [], rate: 1/s } }\n",
          "p:4:21: key: at least one part is needed, such as client\n" },
    };
    CHECK(cases);
}

static void addresses_are_addresses(void **state)
{
    (void) state;
    static const struct error_case cases[] = {
        { "listen: localhost:80\n" ORIGINS ROUTES,
          "p:1:9: address: \"localhost:80\": a listener has an IP address, not a "
          "host name (did you mean \"127.0.0.1:80\"?)\n" },
        { "listen: 8080\n" ORIGINS ROUTES,
          "p:1:9: address: \"8080\": the port is missing, such as 127.0.0.1:8080 (did "
          "you mean \"0.0.0.0:8080\"?)\n" },
        { "listen: \"*:80\"\n" ORIGINS ROUTES,
          "p:1:9: address: \"*:80\": this is neither an address nor a host name (did "
          "you mean \"0.0.0.0:80\"?)\n" },
        { "listen: \"::1:80\"\n" ORIGINS ROUTES,
          "p:1:9: address: \"::1:80\": an IPv6 address stands in brackets, such as \"[::1]:8080\"\n" },
        { "listen: \"[::g]:80\"\n" ORIGINS ROUTES,
          "p:1:9: address: \"[::g]:80\": what stands in brackets is not an IPv6 address\n" },
        { "listen: 1.2.3.400:80\n" ORIGINS ROUTES,
          "p:1:9: address: \"1.2.3.400:80\": this is not an IPv4 address\n" },
        { "listen: 1.2.3.4:0\n" ORIGINS ROUTES,
          "p:1:9: address: \"1.2.3.4:0\": the port is a number from 1 to 65535\n" },
        { "listen: unix:run/x\n" ORIGINS ROUTES,
          "p:1:9: address: \"unix:run/x\": the path of a Unix socket is absolute, "
          "such as unix:/run/weir/http.sock\n" },
        { "listen: \"systemd:\"\n" ORIGINS ROUTES,
          "p:1:9: address: \"systemd:\": the name of systemd's socket is missing\n" },
        { LISTEN ROUTES
          "origins: { a: { servers: [http://x:1/y, https://x, systemd:x, a_b-c, \"x y:1\"] } }\n",
          "p:3:27: address: a server is host:port, not a URL (did you mean \"x:1\"?)\n"
          "p:3:41: address: this build has no TLS: servers are spoken to by HTTP, as host:port\n"
          "p:3:52: address: \"systemd:x\": systemd passes sockets to listeners only\n"
          "p:3:63: address: \"a_b-c\": the port is missing, such as 127.0.0.1:8080\n"
          "p:3:70: address: \"x y:1\": this is neither an address nor a host name\n" },
        { MINIMAL "purge_from: [10.1.2.3/8, 10.0.0.0/33, 1.2.3, \"fe80::1/64\"]\n",
          "p:4:14: purge_from: \"10.1.2.3/8\": the address has bits behind the prefix (did you mean "
          "\"10.0.0.0/8\"?)\n"
          "p:4:26: purge_from: \"10.0.0.0/33\": behind the slash stands a number from 0 to 32\n"
          "p:4:39: purge_from: \"1.2.3\": this is not an address block, such as 10.0.0.0/8 or 2001:db8::/32\n"
          "p:4:46: purge_from: \"fe80::1/64\": the address has bits behind the prefix (did you mean "
          "\"fe80::/64\"?)\n" },
        { MINIMAL "redis: { url: http://x }\n", "p:4:15: url: a URL begins with redis://, rediss:// or "
                                                "unix://, such as redis://127.0.0.1:6379/0\n" },
        { MINIMAL "redis: { url: redis://u:%zz@h }\n",
          "p:4:15: url: two hex digits must follow a % in user or password: write %25 for a literal %\n" },
        { MINIMAL "redis: { url: redis://h/one }\n",
          "p:4:15: url: the database is a number, such as redis://127.0.0.1:6379/0\n" },
        { MINIMAL "redis: { url: redis://h:99999 }\n",
          "p:4:15: url: the port is a number from 1 to 65535\n" },
        { MINIMAL "redis: { url: unix:///s?database=1 }\n",
          "p:4:15: url: only db=NUMBER may follow the ?\n" },
    };
    CHECK(cases);
}

static void routes_match_what_can_be_matched(void **state)
{
    (void) state;
#define MATCH(match) LISTEN ORIGINS "routes: [{ origin: a, match: { " match " } }]\n"
    static const struct error_case cases[] = {
        { MATCH("path: static/*"), "p:3:38: path: a path begins with / (did you mean \"/static/*\"?)\n" },
        { MATCH("path: [/a, b]"), "p:3:43: path: a path begins with / (did you mean \"/b\"?)\n" },
        { MATCH("path_regex: \"^(a\""), "p:3:44: path_regex: \"^(a\" is not a regular expression: missing "
                                        "closing parenthesis, at character 4\n" },
        { MATCH("header: { \"a b\": on }"), "p:3:42: header: \"a b\" is not a name that HTTP allows\n" },
        { MATCH("cookie: { a: [] }"),
          "p:3:45: cookie: an empty list would match nothing: leave it out to match any\n" },
        { MATCH("not: {}"), "p:3:37: not: it is empty, and so would exclude every request\n" },
        { MATCH("scheme: htps"),
          "p:3:40: scheme: \"htps\" is not any, http or https (did you mean \"https\"?)\n" },
        { LISTEN ORIGINS "routes: [{ match: { path_regex: \"^/(a)\" }, redirect: { to: \"/{2}\" } }]\n",
          "p:3:10: {2} stands for a group of path_regex, which has 1\n" },
        { MATCH("path: /a?b=c"),
          "p:3:38: path: a path stands without query and fragment (did you mean \"/a\"?)\n" },
        { MATCH("host: a.example:80"),
          "p:3:38: host: a host stands without port (did you mean \"a.example\"?)\n" },
        { MATCH("host: www.*.example"),
          "p:3:38: host: a * stands for whole names, at the beginning only: *.example.com\n" },
        { MATCH("host: \"https://a.example:8443/x\""),
          "p:3:38: host: a host is a name, not a URL (did you mean \"a.example\"?)\n" },
        { MATCH("host: http//x"), "p:3:38: host: \"http//x\" is not a host\n" },
        { MATCH("method: get"), "p:3:40: method: methods are written in capitals (did you mean \"GET\"?)\n" },
        { MATCH("method: \"G T\""), "p:3:40: method: \"G T\" is not a method\n" },
        { MATCH("method: []"),
          "p:3:40: method: an empty list would match nothing: leave it out to match any method\n" },
    };
    CHECK(cases);
}

static void options_that_contradict_each_other_are_reported(void **state)
{
    (void) state;
#define CACHE(cache) LISTEN ORIGINS "routes: [{ match: {}, origin: a, cache: { " cache " } }]\n"
    static const struct error_case cases[] = {
        { CACHE("override: on"),
          "p:3:53: override: ttl is missing beside it, to replace what the origin says\n" },
        { CACHE("methods: POST"),
          "p:3:52: methods: GET must be among the methods: cache: off turns storing off\n" },
        { CACHE("statuses: { 99: 1m, 404: 1, 6xx: 1s }"),
          "p:3:55: statuses: \"99\" is not a status from 200 to 599, or a class such as 5xx\n"
          "p:3:68: statuses: " NOT_A_SPAN " (did you mean \"1s\"?)\n"
          "p:3:71: statuses: \"6xx\" is not a status from 200 to 599, or a class such as 5xx\n" },
        { CACHE("statuses: { 5xx: 1s, 5XX: 1m }"), "p:3:64: statuses: 5XX stands here twice\n" },
        { CACHE("target: \"a b\""),
          "p:3:51: target: \"a b\" is not a name that HTTP allows: no spaces, quotes, colons or brackets\n" },
        { CACHE("key: { query: { sort: on, strip: on } }"),
          "p:3:76: strip: keep or drop is missing beside it, to say which parameters are left out\n" },
        { CACHE("key: { headers: [X-Lang, Range, x-forwarded-for] }"),
          "p:3:68: headers: Range never reaches the origin as the client sends it, and so makes no "
          "difference\n"
          "p:3:75: headers: what a client writes into x-forwarded-for never reaches the origin: weir writes "
          "it anew for each client\n" },
        { CACHE("bypass: [\"header:Range\", \"header:TE\"]"),
          "p:3:68: bypass: TE never reaches the origin as the client sends it, and so makes no "
          "difference\n" },
        { MINIMAL "limits: { l: { key: \"header:X-Forwarded-For\", rate: 1/s } }\n",
          "p:4:21: key: what a client writes into X-Forwarded-For never reaches the origin: weir writes it "
          "anew for each client\n" },
        { CACHE("key: { query: { drop: \"a=b\" } }"),
          "p:3:65: drop: \"a=b\" is not the name of a parameter as it stands in a query: no spaces, \"&\", "
          "\"=\" or \"#\"\n" },
        { MINIMAL "limits: { l: { key: client, rate: 1/s, algorithm: fixed_window, burst: 2 } }\n",
          "p:4:72: burst: only token_bucket and gcra have one, not fixed_window\n" },
        { MINIMAL "memory: off\n",
          "p:4:9: memory: off without redis leaves no place for the responses that the "
          "route on line 3 stores\n" },
        { MINIMAL "memory: { size: 1MB, max_object: 2MB }\n",
          "p:4:34: max_object: 2MB is more than size allows\n" },
        { MINIMAL "redis: { url: \"redis://h:1\", max_object: 16GB, chunk: 16KB }\n",
          "p:4:42: max_object: 16GB makes more than 65536 pieces of one chunk: chunk has to be 256KB at "
          "least\n" },
        { MINIMAL "client: { max_target: 17KB }\n",
          "p:4:23: max_target: 17KB is more than max_head allows\n" },
        { "listen: [{ address: 1.2.3.4:80, proxy_protocol: on }]\n" ORIGINS ROUTES,
          "p:1:49: proxy_protocol: trusted_proxies is missing: weir believes a PROXY header only from "
          "these\n" },
        { "listen: [1.2.3.4:80, 1.2.3.4:80]\n" ORIGINS ROUTES,
          "p:1:22: address: \"1.2.3.4:80\" is already the address of another listener\n" },
        { MINIMAL "admin: { address: 127.0.0.1:8080 }\n",
          "p:1:9: address: \"127.0.0.1:8080\" is already the address of another listener\n" },
        { MINIMAL "redis: { url: redis://:secret@h, password_file: x }\n",
          "p:4:49: password_file: the URL holds a password already: remove one of the two\n" },
        { MINIMAL "redis: { url: redis://h, password_file: /nowhere/at-all }\n",
          "p:4:41: password_file: can't read /nowhere/at-all: No such file or directory\n" },
    };
    CHECK(cases);
}

static void what_this_build_lacks_is_refused(void **state)
{
    (void) state;
    static const struct error_case cases[] = {
        { "listen: [{ address: 1.2.3.4:443, tls: { certificate: a, key: b } }]\n" ORIGINS ROUTES,
          "p:1:39: tls: this build has no TLS: terminate TLS in a load balancer in front of weir, and "
          "remove this key\n" },
    };
    CHECK(cases);
}

static void tls_to_redis_is_refused_where_it_is_not_built(void **state)
{
    (void) state;
    static const struct error_case without[] = {
        { MINIMAL "redis: { url: rediss://u:secret@h }\n",
          "p:4:15: url: this build has no TLS (it needs hiredis 1.0 or newer with hiredis_ssl): rediss:// "
          "can't be used, only "
          "redis:// and unix://\n" },
    };
    static const struct error_case with[] = {
        { MINIMAL "redis: { url: rediss://h, tls: { certificate: /dev/null } }\n",
          "p:4:32: tls: certificate and key need each other\n" },
        { MINIMAL "redis: { url: rediss://h:0 }\n", "p:4:15: url: the port is a number from 1 to 65535\n" },
    };
    static const struct error_case in_both[] = {
        { MINIMAL "redis: { url: redis://h, tls: { server_name: x } }\n",
          "p:4:31: tls: it belongs to a URL that begins with rediss://\n" },
        { MINIMAL "redis: { url: redis://h, tls: { ca: /nowhere/at-all } }\n",
          "p:4:31: tls: it belongs to a URL that begins with rediss://\n"
          "p:4:37: ca: can't read /nowhere/at-all: No such file or directory\n" },
    };
    if (HAVE_REDIS_TLS)
        CHECK(with);
    else
        CHECK(without);
    CHECK(in_both);
}

static void all_errors_come_at_once_in_the_order_of_the_file(void **state)
{
    (void) state;
    char *text = file_text("tests/unit/policy/wrong.yaml"), *said = file_text("tests/unit/policy/wrong.txt");
    char *really = wrong(text);
    assert_string_equal(really, said);
    free(text);
    free(said);
    free(really);
}

static void an_alias_repeats_no_error(void **state)
{
    (void) state;
    static const struct error_case cases[] = {
        { LISTEN ORIGINS "routes:\n"
                         "  - { match: { path: /a }, origin: a, cache: &c { tll: 1m } }\n"
                         "  - { match: { path: /b }, origin: a, cache: *c }\n",
          "p:4:51: unknown key \"tll\" in routes[].cache (did you mean \"ttl\"?)\n" },
    };
    CHECK(cases);
}

static void distances_count_edits(void **state)
{
    (void) state;
    static const struct {
        const char *a, *b;
        unsigned distance;
    } cases[] = { { "", "", 0 },
                  { "a", "", 1 },
                  { "timeout", "timeout", 0 },
                  { "tiemout", "timeout", 1 },
                  { "timout", "timeout", 1 },
                  { "TIME-OUT", "time_out", 0 },
                  { "kitten", "sitting", 3 },
                  { "abc", "xyz", 3 },
                  { "abcdefgh", "a", 5 } };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct wr_slice a = wr_slice_str(cases[i].a), b = wr_slice_str(cases[i].b);
        assert_int_equal(wr_guess_distance(a, b, 4), cases[i].distance);
        assert_int_equal(wr_guess_distance(b, a, 4), cases[i].distance);
    }
}

/* Any file gives either a policy or errors. */
static void cut_off_and_damaged_policies_do_no_harm(void **state)
{
    (void) state;
    char *text = file_text("tests/unit/policy/shop.yaml");
    size_t len = strlen(text);
    struct wr_buf errors = { 0 };
    for (size_t i = 0; i < len; i++) {
        wr_buf_clear(&errors);
        char kept = text[i];
        struct wr_policy *p = wr_policy_parse(wr_slice(text, i), "p", &errors);
        assert_true((p == NULL) == (errors.len > 0));
        wr_policy_unref(p);
        text[i] = "[]{}:,*&!#\"'\n -~\x01\xc3"[i % 18];
        wr_buf_clear(&errors);
        p = wr_policy_parse(wr_slice(text, len), "p", &errors);
        assert_true((p == NULL) == (errors.len > 0));
        wr_policy_unref(p);
        text[i] = kept;
    }
    wr_buf_fini(&errors);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_that_is_no_yaml_names_the_place),
        cmocka_unit_test(keys_are_known_and_stand_once),
        cmocka_unit_test(edits_leave_alone_what_frames_or_is_weirs),
        cmocka_unit_test(templates_name_what_there_is),
        cmocka_unit_test(values_have_their_shape),
        cmocka_unit_test(quantities_have_units_and_ranges),
        cmocka_unit_test(words_and_references_are_suggested),
        cmocka_unit_test(addresses_are_addresses),
        cmocka_unit_test(routes_match_what_can_be_matched),
        cmocka_unit_test(options_that_contradict_each_other_are_reported),
        cmocka_unit_test(what_this_build_lacks_is_refused),
        cmocka_unit_test(tls_to_redis_is_refused_where_it_is_not_built),
        cmocka_unit_test(all_errors_come_at_once_in_the_order_of_the_file),
        cmocka_unit_test(an_alias_repeats_no_error),
        cmocka_unit_test(distances_count_edits),
        cmocka_unit_test(cut_off_and_damaged_policies_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
