/* SPDX-License-Identifier: BSD-2-Clause */
/* policy: what valid files are parsed to. */
#include "config.h"

#include "test.h"

#include <sched.h>
#include <unistd.h>

#include "files.h"

static void is_text(struct wr_slice s, const char *text)
{
    assert_true(wr_slice_eq(s, wr_slice_str(text)));
}

static void the_smallest_policy_has_all_defaults(void **state)
{
    (void) state;
    struct wr_policy *p = right(MINIMAL);
    assert_string_equal(p->file, "p");
    assert_true(p->server_name[0] != '\0');
    cpu_set_t cores;
    assert_int_equal(sched_getaffinity(0, sizeof cores, &cores), 0);
    assert_int_equal(p->workers, CPU_COUNT(&cores));
    assert_int_equal(p->listen_count, 1);
    assert_string_equal(p->listens[0].address.text, "127.0.0.1:8080");
    assert_false(p->listens[0].proxy_protocol);
    assert_int_equal(p->admin_count, 1); /* the default, which is written nowhere */
    assert_string_equal(p->admins[0].address.host, WR_ADMIN_SOCKET);
    assert_int_equal(p->admins[0].line, 0);
    assert_int_equal(p->log_level, WR_LOG_P_INFO);
    assert_int_equal(p->access_format, WR_ACCESS_COMBINED);
    assert_null(p->access_file);
    assert_int_equal(p->trusted_count + p->purger_count + p->limit_count, 0);
    assert_true(p->memory);
    assert_int_equal(p->memory_size, 256 << 20);
    assert_int_equal(p->memory_max_object, 8 << 20);
    assert_int_equal(p->header_timeout.us, 10000000);
    assert_int_equal(p->idle_timeout.us, 60000000);
    assert_int_equal(p->send_timeout.us, 30000000);
    assert_int_equal(p->request_timeout.us, 0);
    assert_int_equal(p->min_rate, 500);
    assert_int_equal(p->min_rate_grace.us, 10000000);
    assert_int_equal(p->buffer_body, 65536);
    assert_int_equal(p->abort, WR_CLIENT_ABORT_CANCEL);
    assert_int_equal(p->origins[0].total_timeout.us, 0);
    assert_int_equal(p->body_timeout.us, 30000000);
    assert_int_equal(p->drain_timeout.us, 30000000);
    assert_int_equal(p->max_head, 16384);
    assert_int_equal(p->max_target, 8192);
    assert_int_equal(p->max_body, 0);
    assert_int_equal(p->max_connections, 65536);

    const struct wr_policy_redis *redis = &p->redis;
    assert_false(redis->enabled);
    assert_int_equal(redis->timeout.us, 50000);
    assert_int_equal(redis->max_object, 64 << 20);
    assert_int_equal(redis->chunk, 512 << 10);
    assert_int_equal(redis->lock_ttl.us, 5000000);

    const struct wr_origin_policy *origin = &p->origins[0];
    assert_int_equal(p->origin_count, 1);
    assert_string_equal(origin->name, "a");
    assert_int_equal(origin->balance, WR_BALANCE_ROUND_ROBIN);
    assert_int_equal(origin->connect_timeout.us, 1000000);
    assert_int_equal(origin->patience.response_timeout.us, 60000000);
    assert_int_equal(origin->patience.idle_timeout.us, 60000000);
    assert_int_equal(origin->patience.retries, 1);
    assert_int_equal(origin->max_connections, 0);
    assert_null(origin->health.path);
    assert_true(origin->pass_host);
    assert_int_equal(origin->servers[0].weight, 1);

    const struct wr_cache_policy *cache = &p->routes[0].cache;
    assert_int_equal(p->routes[0].line, 3);
    assert_int_equal(p->routes[0].match.path_count, 0);
    assert_int_equal(p->routes[0].match.method_count, 0);
    assert_true(cache->enabled);
    assert_false(cache->has_ttl || cache->override || cache->has_grace || cache->has_stale_if_error);
    assert_true(cache->jitter == 0 && cache->early_refresh == 0);
    assert_false(cache->key.no_host || cache->key.no_query || cache->key.sort_query);
    assert_null(cache->key.query_keep);
    assert_null(cache->key.query_drop);
    assert_null(cache->key.headers);
    assert_null(cache->key.cookies);
    assert_int_equal(cache->status_ttl_count + cache->bypass_count, 0);
    assert_true(cache->cookies == WR_COOKIES_PASS && cache->set_cookie == WR_SET_COOKIE_FIRST &&
                cache->heuristic == 0);
    assert_null(cache->target);
    assert_int_equal(cache->pass_ttl.us, 120000000);
    assert_int_equal(cache->lock_timeout.us, 10000000);
    assert_false(cache->ignore_client || cache->methods_post || cache->show_key);
    wr_policy_unref(p);
}

static void a_policy_of_a_shop_is_understood(void **state)
{
    (void) state;
    char *text = file_text("tests/unit/policy/shop.yaml");
    struct wr_policy *p = right(text);
    free(text);
    assert_string_equal(p->server_name, "edge-1");
    assert_int_equal(p->listens[0].address.kind, WR_ADDRESS_IP);
    assert_string_equal(p->listens[0].address.host, "0.0.0.0");
    assert_int_equal(p->listens[0].address.port, 8080);
    assert_int_equal(p->admin_count, 1);
    assert_int_equal(p->admins[0].address.kind, WR_ADDRESS_UNIX);
    assert_string_equal(p->admins[0].address.host, "/run/weir/admin.sock");
    assert_int_equal(p->admins[0].allow, WR_RIGHTS_ALL);
    assert_int_equal(p->trusted_count, 1);
    assert_int_equal(p->trusted[0].bits, 104);

    assert_true(p->redis.enabled);
    assert_string_equal(p->redis.address.host, "127.0.0.1");
    assert_int_equal(p->redis.address.port, 6379);
    assert_string_equal(p->redis.namespace_, "weir");
    assert_string_equal(p->redis.keyspace, "v1");
    assert_int_equal(p->redis.on_failure, WR_ON_FAILURE_LOCAL);
    assert_int_equal(p->redis.max_staleness.us, 1000000);

    const struct wr_origin_policy *shop = &p->origins[0];
    assert_string_equal(shop->name, "shop");
    assert_int_equal(shop->server_count, 2);
    assert_int_equal(shop->servers[1].address.kind, WR_ADDRESS_NAME);
    assert_string_equal(shop->servers[1].address.host, "app.internal");
    assert_int_equal(shop->servers[1].weight, 2);
    assert_string_equal(shop->health.path, "/healthz");
    assert_int_equal(shop->health.interval.us, 5000000);

    const struct wr_limit_policy *client = &p->limits[0], *key = &p->limits[1];
    assert_string_equal(client->name, "per-client");
    assert_int_equal(client->parts[0].kind, WR_IDENTITY_CLIENT);
    assert_int_equal(client->algorithm, WR_TOKEN_BUCKET);
    assert_int_equal(client->burst, 200);
    assert_int_equal(key->index, 1);
    assert_int_equal(key->parts[0].kind, WR_IDENTITY_HEADER);
    is_text(key->parts[0].name, "X-Api-Key");
    assert_int_equal(key->algorithm, WR_SLIDING_WINDOW);
    assert_int_equal(key->rate.count, 1000);
    assert_int_equal(key->rate.window.us, 60000000);
    assert_int_equal(key->burst, 1000);

    assert_int_equal(p->route_count, 3);
    const struct wr_route *files = &p->routes[0], *api = &p->routes[1], *rest = &p->routes[2];
    is_text(files->match.hosts[0], "shop.example.com");
    assert_int_equal(files->match.paths[0].kind, WR_MATCH_PREFIX);
    is_text(files->match.paths[0].text, "/static/");
    assert_ptr_equal(files->origin, shop);
    assert_true(files->cache.has_ttl && files->cache.override && files->cache.has_grace);
    assert_int_equal(files->cache.ttl.us, INT64_C(3600000000));
    assert_true(files->cache.jitter > 0.099 && files->cache.jitter < 0.101);
    assert_int_equal(files->cache.grace.us, 60000000);
    assert_int_equal(files->cache.stale_if_error.us, INT64_C(86400000000));
    assert_int_equal(api->match.method_count, 2);
    is_text(api->match.methods[1], "POST");
    assert_int_equal(api->limit_count, 2);
    assert_ptr_equal(api->limits[1], key);
    assert_string_equal(api->cache.key.query_drop[0], "utm_*");
    assert_null(api->cache.key.query_drop[1]);
    assert_string_equal(api->cache.key.headers[0], "Accept-Language");
    assert_false(rest->cache.enabled);
    wr_policy_unref(p);
}

static void a_route_may_be_more_patient_than_its_origin(void **state)
{
    (void) state;
    struct wr_policy *p = right(
        "listen: 127.0.0.1:1\n"
        "origins: { a: { servers: b:1, response_timeout: 5s, retries: 2 } }\n"
        "defaults: { idle_timeout: 7s }\n"
        "routes:\n"
        "  - { match: { path: /events/* }, origin: a, response_timeout: 1h, retries: 0 }\n"
        "  - { match: {}, origin: a }\n");
    assert_int_equal(p->routes[0].patience.response_timeout.us, 3600000000);
    assert_int_equal(p->routes[0].patience.idle_timeout.us, 7000000);
    assert_int_equal(p->routes[0].patience.retries, 0);
    assert_int_equal(p->routes[1].patience.response_timeout.us, 5000000);
    assert_int_equal(p->routes[1].patience.idle_timeout.us, 7000000);
    assert_int_equal(p->routes[1].patience.retries, 2);
    wr_policy_unref(p);
}

static void every_other_option_is_read(void **state)
{
    (void) state;
    struct wr_policy *p = right(
        "workers: 3\n"
        "listen: [127.0.0.1:1, { address: \"[::1]:2\", proxy_protocol: on }, unix:/run/w.sock, "
        "systemd:http]\n"
        "client: { header_timeout: 1s, idle_timeout: 2s, body_timeout: 3s, send_timeout: 4s, max_head: 4KB,\n"
        "          max_body: 1MB, max_connections: 5, request_timeout: 9s, min_rate: 2KB/s,\n"
        "          min_rate_grace: 3s, buffer_body: 0B, abort: finish }\n"
        "drain_timeout: 6s\n"
        "log: { level: debug, access: { format: json, to: /var/log/weir } }\n"
        "trusted_proxies: \"::1\"\n"
        "purge_from: [127.0.0.1, 2001:db8::/32]\n"
        "redis: { url: redis://h, max_object: 1MB, chunk: 64KB, lock_ttl: 7s, on_failure: closed, keyspace: "
        "v2 }\n"
        "memory: { size: 4MB }\n"
        "origins: { a: { servers: b:1, balance: hash, retries: 0, max_connections: 9, idle_timeout: 8s, "
        "keepalive_timeout: 10s, total_timeout: 11s, pass_host: off } }\n"
        "limits: { l: { key: [client, \"cookie:c\", \"query:q\"], algorithm: gcra, rate: 5/h, mode: observe "
        "} }\n"
        "routes:\n"
        "  - match: { host: \"*.Example.COM\", path: /exact, method: PURGE }\n"
        "    origin: a\n"
        "    limits: l\n"
        "    cache:\n"
        "      early_refresh: 0.5\n"
        "      methods: [GET, POST]\n"
        "      statuses: { 404: 1m, 5xx: 0s }\n"
        "      bypass: [\"header:Authorization\", \"cookie:s\", \"query:nocache\"]\n"
        "      target: Weir-Cache-Control\n"
        "      cookies: [sid, \"wp_*\"]\n"
        "      set_cookie: store\n"
        "      heuristic: 20%\n"
        "      pass_ttl: 1s\n"
        "      lock_timeout: 2s\n"
        "      ignore_client: true\n"
        "      show_key: true\n"
        "      key: { host: off, query: { keep: [a, \"b*\"], sort: on }, cookies: currency }\n");
    assert_int_equal(p->workers, 3);
    assert_int_equal(p->listen_count, 4);
    assert_string_equal(p->listens[1].address.host, "::1");
    assert_true(p->listens[1].proxy_protocol);
    assert_int_equal(p->listens[2].address.kind, WR_ADDRESS_UNIX);
    assert_int_equal(p->listens[3].address.kind, WR_ADDRESS_SYSTEMD);
    assert_string_equal(p->listens[3].address.host, "http");
    assert_int_equal(p->header_timeout.us, 1000000);
    assert_int_equal(p->idle_timeout.us, 2000000);
    assert_int_equal(p->body_timeout.us, 3000000);
    assert_int_equal(p->send_timeout.us, 4000000);
    assert_int_equal(p->request_timeout.us, 9000000);
    assert_int_equal(p->min_rate, 2048);
    assert_int_equal(p->min_rate_grace.us, 3000000);
    assert_int_equal(p->buffer_body, 0);
    assert_int_equal(p->abort, WR_CLIENT_ABORT_FINISH);
    assert_int_equal(p->origins[0].total_timeout.us, 11000000);
    assert_int_equal(p->drain_timeout.us, 6000000);
    assert_int_equal(p->max_head, 4096);
    assert_int_equal(p->max_target, 4096); /* lowered with max_head */
    assert_int_equal(p->max_body, 1 << 20);
    assert_int_equal(p->max_connections, 5);
    assert_int_equal(p->log_level, WR_LOG_P_DEBUG);
    assert_int_equal(p->access_format, WR_ACCESS_JSON);
    assert_string_equal(p->access_file, "/var/log/weir");
    assert_int_equal(p->trusted_count, 1);
    assert_int_equal(p->purger_count, 2);
    assert_int_equal(p->redis.max_object, 1 << 20);
    assert_int_equal(p->redis.chunk, 64 << 10);
    assert_int_equal(p->redis.lock_ttl.us, 7000000);
    assert_int_equal(p->redis.on_failure, WR_ON_FAILURE_CLOSED);
    assert_string_equal(p->redis.keyspace, "v2");
    assert_int_equal(p->memory_max_object, 4 << 20); /* lowered with size */
    assert_int_equal(p->origins[0].balance, WR_BALANCE_HASH);
    assert_int_equal(p->origins[0].patience.retries, 0);
    assert_int_equal(p->origins[0].max_connections, 9);
    assert_int_equal(p->origins[0].patience.idle_timeout.us, 8000000);
    assert_int_equal(p->origins[0].keepalive_timeout.us, 10000000);
    assert_false(p->origins[0].pass_host);
    const struct wr_limit_policy *l = &p->limits[0];
    assert_int_equal(l->part_count, 3);
    assert_int_equal(l->parts[1].kind, WR_IDENTITY_COOKIE);
    is_text(l->parts[2].name, "q");
    assert_true(l->algorithm == WR_GCRA && l->burst == 5 && l->observe);
    const struct wr_match *match = &p->routes[0].match;
    is_text(match->hosts[0], "*.example.com");
    assert_int_equal(match->paths[0].kind, WR_MATCH_EXACT);
    is_text(match->methods[0], "PURGE");
    const struct wr_cache_policy *cache = &p->routes[0].cache;
    assert_true(cache->early_refresh == 0.5 && cache->methods_post && cache->ignore_client &&
                cache->show_key);
    assert_int_equal(cache->status_ttl_count, 2);
    assert_int_equal(cache->status_ttls[0].status, 404);
    assert_int_equal(cache->status_ttls[1].status, 5);
    assert_int_equal(cache->bypass_count, 3);
    assert_int_equal(cache->bypasses[0].kind, WR_BYPASS_HEADER);
    is_text(cache->bypasses[2].name, "nocache");
    assert_int_equal(cache->cookies, WR_COOKIES_NAMED);
    assert_string_equal(cache->cookie_names[1], "wp_*");
    assert_null(cache->cookie_names[2]);
    assert_true(cache->set_cookie == WR_SET_COOKIE_STORE && cache->heuristic == 0.2);
    assert_string_equal(cache->target, "Weir-Cache-Control");
    assert_int_equal(cache->pass_ttl.us, 1000000);
    assert_int_equal(cache->lock_timeout.us, 2000000);
    assert_true(cache->key.no_host && cache->key.sort_query && !cache->key.no_query);
    assert_string_equal(cache->key.query_keep[1], "b*");
    assert_string_equal(cache->key.cookies[0], "currency");
    wr_policy_unref(p);
}

static void uncommented_the_sample_is_right_too(void **state)
{
    (void) state;
    char *text = file_text("conf/weir.yaml");
    struct wr_policy *p = right(text);
    assert_int_equal(p->route_count, 1);
    assert_false(p->redis.enabled);
    wr_policy_unref(p);

    struct wr_buf bare = { 0 };
    struct wr_slice rest = wr_slice_str(text);
    size_t uncommented = 0;
    bool in_tls = false;  /* needs another URL, and files */
    bool instead = false; /* sections that replace origin, or need files */
    while (rest.len) {
        struct wr_slice line = wr_slice_cut(&rest, '\n');
        if (wr_slice_starts(line, WR_SLICE("# Applications by name")))
            break; /* its rows belong to several routes */
        bool option = line.len > 2 && line.at[0] == '#' && !(line.at[1] == ' ' && line.at[2] != ' ');
        bool needs_file = option && strstr(line.at, "_file:") != NULL && strstr(line.at, "_file:") < rest.at;
        in_tls = wr_slice_starts(line, WR_SLICE("#  tls:")) ||
                 (in_tls && wr_slice_starts(line, WR_SLICE("#    ")));
        if (wr_slice_starts(line, WR_SLICE("#    redirect:")) ||
            wr_slice_starts(line, WR_SLICE("#    respond:")) ||
            wr_slice_starts(line, WR_SLICE("#    maintenance:")) ||
            wr_slice_starts(line, WR_SLICE("#    error_pages:")))
            instead = true;
        else if (!wr_slice_starts(line, WR_SLICE("#      ")))
            instead = false;
        if (option && !needs_file && !in_tls && !instead)
            line = wr_slice(line.at + 1, line.len - 1);
        uncommented += option;
        wr_buf_printf(&bare, "%.*s\n", WR_SLICE_ARG(line));
    }
    wr_buf_add_char(&bare, '\0');
    assert_true(uncommented > 50);
    p = right(bare.at);
    assert_true(p->redis.enabled && p->admin_count == 1);
    assert_int_equal(p->limit_count, 1);
    assert_string_equal(p->routes[0].cache.target, "Weir-Cache-Control");
    wr_policy_unref(p);
    wr_buf_fini(&bare);
    free(text);
}

/* Reads each example between .nf and .fi after EXAMPLES. troff writes a dash as \-. */
static void the_examples_of_the_manual_are_right(void **state)
{
    (void) state;
    char *manual = file_text("man/weir.yaml.5.in");
    const char *at = strstr(manual, ".SH EXAMPLES");
    assert_non_null(at);
    int examples = 0;
    for (at = strstr(at, ".nf\n"); at; at = strstr(at, ".nf\n")) {
        const char *end = strstr(at += 4, ".fi\n");
        struct wr_buf text = { 0 };
        for (; at < end; at++) {
            if (*at != '\\')
                wr_buf_add_char(&text, *at);
        }
        wr_buf_add_char(&text, '\0');
        wr_policy_unref(right(text.at));
        wr_buf_fini(&text);
        examples++;
    }
    assert_int_equal(examples, 2);
    free(manual);
}

static void switches_turn_sections_off(void **state)
{
    (void) state;
    struct wr_policy *p = right(LISTEN ORIGINS
                                "memory: false\n"
                                "log: { access: \"off\" }\n"
                                "redis: { url: unix:///s }\n"
                                "routes:\n"
                                "  - { match: { path: /a }, origin: a, cache: off }\n"
                                "  - { match: { path: /b }, origin: a, cache: on }\n"
                                "  - { match: { path: /c }, origin: a, cache: { key: { query: off } } }\n");
    assert_false(p->memory);
    assert_int_equal(p->access_format, WR_ACCESS_OFF);
    assert_true(p->redis.enabled);
    assert_false(p->routes[0].cache.enabled);
    assert_true(p->routes[1].cache.enabled);
    assert_int_equal(p->routes[1].cache.pass_ttl.us, 120000000);
    assert_true(p->routes[2].cache.key.no_query);
    wr_policy_unref(p);
    p = right(LISTEN ORIGINS "memory: off\nroutes: [{ match: {}, origin: a, cache: off }]\n");
    assert_false(p->memory);
    wr_policy_unref(p);
}

static void urls_of_redis_are_taken_apart(void **state)
{
    (void) state;
    static const struct {
        const char *url, *host, *user, *password;
        int port, db;
    } cases[] = {
        { "redis://127.0.0.1", "127.0.0.1", NULL, NULL, 6379, 0 },
        { "redis://cache.internal:7000/3", "cache.internal", NULL, NULL, 7000, 3 },
        { "redis://weir:s%40cr%25t@h", "h", "weir", "s@cr%t", 6379, 0 },
        { "redis://:pass@[::1]:1", "::1", NULL, "pass", 1, 0 },
        { "redis://weir@[2001:db8::1]", "2001:db8::1", "weir", NULL, 6379, 0 },
        { "unix:///run/redis.sock", "/run/redis.sock", NULL, NULL, 0, 0 },
        { "unix://u:p@/run/r.sock?db=2", "/run/r.sock", "u", "p", 0, 2 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[512];
        snprintf(text, sizeof text, MINIMAL "redis: { url: \"%s\" }\n", cases[i].url);
        struct wr_policy *p = right(text);
        assert_string_equal(p->redis.address.host, cases[i].host);
        assert_int_equal(p->redis.address.port, cases[i].port);
        assert_int_equal(p->redis.db, cases[i].db);
        assert_true((p->redis.user == NULL) == (cases[i].user == NULL));
        assert_true((p->redis.password == NULL) == (cases[i].password == NULL));
        if (cases[i].user)
            assert_string_equal(p->redis.user, cases[i].user);
        if (cases[i].password)
            assert_string_equal(p->redis.password, cases[i].password);
        assert_null(strstr(p->redis.address.text, "s%40cr"));
        wr_policy_unref(p);
    }
}

/* Files of passwords are looked for beside the policy, and in systemd's directory of credentials. */
static void the_password_may_stand_in_a_file(void **state)
{
    (void) state;
    char folder[] = "/tmp/weir-test-XXXXXX", secret[64], file[64], text[512];
    assert_non_null(mkdtemp(folder));
    snprintf(secret, sizeof secret, "%s/secret", folder);
    snprintf(file, sizeof file, "%s/weir.yaml", folder);
    FILE *f = fopen(secret, "w");
    fputs("s3cret\nsecond line\n", f);
    fclose(f);
    snprintf(text, sizeof text, MINIMAL "redis: { url: redis://weir@h, password_file: secret }\n");
    f = fopen(file, "w");
    fputs(text, f);
    fclose(f);

    struct wr_buf errors = { 0 };
    unsetenv("CREDENTIALS_DIRECTORY");
    struct wr_policy *p = wr_policy_load(file, &errors);
    assert_non_null(p);
    assert_string_equal(p->redis.user, "weir");
    assert_string_equal(p->redis.password, "s3cret");
    wr_policy_unref(p);
    setenv("CREDENTIALS_DIRECTORY", folder, 1);
    p = right(text);
    assert_string_equal(p->redis.password, "s3cret");
    wr_policy_unref(p);
    unsetenv("CREDENTIALS_DIRECTORY");
    unlink(secret);
    assert_null(wr_policy_load(file, &errors));
    unlink(file);
    wr_buf_clear(&errors);
    assert_null(wr_policy_load(file, &errors));
    assert_true(wr_slice_starts(wr_buf_slice(&errors), wr_slice_str(file)));
    wr_buf_fini(&errors);
    rmdir(folder);
}

static void json_aliases_and_any_order_are_fine(void **state)
{
    (void) state;
    struct wr_policy *p = right("{\"routes\":[{\"match\":{},\"origin\":\"a\",\"cache\":\"off\"}],"
                                "\"origins\":{\"a\":{\"servers\":[\"b:1\"],\"retries\":2}},"
                                "\"listen\":[{\"address\":\"127.0.0.1:80\",\"proxy_protocol\":false}]}");
    assert_int_equal(p->origins[0].patience.retries, 2);
    assert_ptr_equal(p->routes[0].origin, &p->origins[0]);
    wr_policy_unref(p);
    p = right(LISTEN ORIGINS "routes:\n"
                             "  - { match: { path: /a }, origin: a, cache: &c { ttl: 9s } }\n"
                             "  - { match: { path: /b }, origin: a, cache: *c }\n");
    assert_int_equal(p->routes[1].cache.ttl.us, 9000000);
    wr_policy_unref(p);
}

static void the_last_reference_frees(void **state)
{
    (void) state;
    struct wr_policy *p = right(MINIMAL), *same = wr_policy_ref(p);
    assert_ptr_equal(p, same);
    wr_policy_unref(p);
    assert_string_equal(same->origins[0].name, "a");
    wr_policy_unref(same);
    wr_policy_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_smallest_policy_has_all_defaults),
        cmocka_unit_test(a_policy_of_a_shop_is_understood),
        cmocka_unit_test(a_route_may_be_more_patient_than_its_origin),
        cmocka_unit_test(every_other_option_is_read),
        cmocka_unit_test(uncommented_the_sample_is_right_too),
        cmocka_unit_test(the_examples_of_the_manual_are_right),
        cmocka_unit_test(switches_turn_sections_off),
        cmocka_unit_test(urls_of_redis_are_taken_apart),
        cmocka_unit_test(the_password_may_stand_in_a_file),
        cmocka_unit_test(json_aliases_and_any_order_are_fine),
        cmocka_unit_test(the_last_reference_frees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
