# Varnish for the benchmark: as it comes, everything by the origin's own freshness.
vcl 4.1;

backend default {
    .host = "127.0.0.1";
    .port = "@ORIGIN@";
}
